# A Glue database for published exports. Strata's own tables are not in it on purpose: a catalog entry of a Delta path
# shows the newest version, audited or not; a name must show what was published and nothing else.

variable "name" {
  description = "Name of the database, with - as _."
  type        = string
}

variable "description" {
  description = "What the database holds."
  type        = string
}

variable "exports" {
  description = "Bucket of the exports."
  type        = string
}

variable "key_arn" {
  description = "Key of the catalog's own data and of connections' passwords."
  type        = string
}

# Redshift Spectrum and Athena find the exports here.
resource "aws_glue_catalog_database" "published" {
  name         = replace("${var.name}_published", "-", "_")
  description  = var.description
  location_uri = "s3://${var.exports}/published/"
}

# Column names and comments tell much: they are encrypted as the data is.
resource "aws_glue_data_catalog_encryption_settings" "this" {
  data_catalog_encryption_settings {
    encryption_at_rest {
      catalog_encryption_mode = "SSE-KMS"
      sse_aws_kms_key_id      = var.key_arn
    }

    connection_password_encryption {
      return_connection_password_encrypted = true
      aws_kms_key_id                       = var.key_arn
    }
  }
}

output "database" {
  description = "The database of published exports."
  value       = aws_glue_catalog_database.published.name
}
