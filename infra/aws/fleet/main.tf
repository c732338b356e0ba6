# The fleet without Spark: S3 tells a queue of each file, functions split and judge it, DynamoDB keeps the fixes.
# docs/fleet/ARCHITECTURE.md draws it.

data "aws_caller_identity" "current" {}

locals {
  name    = "strata-${var.environment}-fleet"
  account = data.aws_caller_identity.current.account_id
  # What every function is told: where things are.
  environment = {
    STRATA_FLEET_FIXES          = aws_dynamodb_table.fixes.name
    STRATA_FLEET_REJECTED       = aws_dynamodb_table.rejected.name
    STRATA_FLEET_VEHICLES       = aws_dynamodb_table.vehicles.name
    STRATA_FLEET_FILES          = aws_dynamodb_table.files.name
    STRATA_FLEET_MOVING         = aws_sqs_queue.work["moving"].url
    STRATA_FLEET_IDLE           = aws_sqs_queue.work["idle"].url
    STRATA_FLEET_ARRIVALS       = aws_sqs_queue.work["arrivals"].url
    STRATA_FLEET_DEAD           = aws_sqs_queue.dead.url
    STRATA_FLEET_REDIS          = "rediss://${aws_elasticache_replication_group.cache.primary_endpoint_address}:6379"
    STRATA_FLEET_RETENTION_DAYS = tostring(var.retention_days)
    STRATA_FLEET_RAW            = module.raw.name
    STRATA_FLEET_API            = var.api_url
  }
}

# What arrives: fleet/events/delivery=…/*.csv and fleet/vehicles/delivery=…/*.json, as the batch path lists them.
module "raw" {
  source          = "../modules/bucket"
  name            = "${local.name}-raw-${local.account}"
  kms_key_arn     = var.data_key_arn
  log_bucket      = var.access_logs_bucket
  noncurrent_days = var.noncurrent_days
  archive         = { "fleet/" = var.archive_after_days }
}

# A queue between S3 and the functions: a notice waits there while functions are busy, and has a dead letter.
resource "aws_s3_bucket_notification" "raw" {
  bucket = module.raw.name

  queue {
    id            = "events"
    queue_arn     = aws_sqs_queue.work["arrivals"].arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "fleet/events/"
  }

  queue {
    id            = "vehicles"
    queue_arn     = aws_sqs_queue.work["vehicles"].arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "fleet/vehicles/"
  }

  depends_on = [aws_sqs_queue_policy.arrivals]
}
