# On demand: a fleet sleeps at night, and nobody has to guess its peak.

# One item a sound record, by vehicle and by instant, delivery, file and number: see docs/fleet/ARCHITECTURE.md.
resource "aws_dynamodb_table" "fixes" {
  name                        = "${local.name}-fixes"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "vehicle_id"
  range_key                   = "claim"
  deletion_protection_enabled = true

  attribute {
    name = "vehicle_id"
    type = "S"
  }

  attribute {
    name = "claim"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.data_key_arn
  }
}

# Rejected records with their reasons; by vehicle, for those that wait for its metadata.
resource "aws_dynamodb_table" "rejected" {
  name                        = "${local.name}-rejected"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "file_sha256"
  range_key                   = "record_number"
  deletion_protection_enabled = true

  attribute {
    name = "file_sha256"
    type = "S"
  }

  attribute {
    name = "record_number"
    type = "N"
  }

  attribute {
    name = "vehicle_id"
    type = "S"
  }

  global_secondary_index {
    name            = "by_vehicle"
    hash_key        = "vehicle_id"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.data_key_arn
  }
}

# What is known of each vehicle, by the day of its delivery.
resource "aws_dynamodb_table" "vehicles" {
  name                        = "${local.name}-vehicles"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "vehicle_id"
  deletion_protection_enabled = true

  attribute {
    name = "vehicle_id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.data_key_arn
  }
}

# Which files were taken, by SHA-256: the same bytes under another name are not read again.
resource "aws_dynamodb_table" "files" {
  name                        = "${local.name}-files"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "sha256"
  deletion_protection_enabled = true

  attribute {
    name = "sha256"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.data_key_arn
  }
}
