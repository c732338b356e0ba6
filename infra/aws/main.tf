# Strata on AWS: raw files in S3, jobs on EMR Serverless, published tables in S3.
# docs/OPERATIONS.md draws it; the other doors' Terraform (infra/redshift, infra/aws/fleet) uses the same modules.

data "aws_caller_identity" "current" {}

locals {
  prefix  = "strata-${var.environment}"
  account = data.aws_caller_identity.current.account_id
}

# --- keys ------------------------------------------------------------------------------------------

# One key for tables and raw files: who may not decrypt cannot read them, whatever a bucket policy says.
module "data_key" {
  source      = "./modules/keys"
  name        = "${local.prefix}-data"
  description = "Strata's raw files and tables"
  account     = local.account
}

# Logs, alarms and queues are written by AWS's own services, which need a key that admits them.
module "operations_key" {
  source      = "./modules/keys"
  name        = "${local.prefix}-operations"
  description = "Strata's logs, notices and queues"
  account     = local.account
  services = [
    "logs.${var.region}.amazonaws.com",
    "sns.amazonaws.com",
    "sqs.amazonaws.com",
    "events.amazonaws.com",
    "cloudwatch.amazonaws.com",
    "scheduler.amazonaws.com",
    # Notices of new files, to a queue that is encrypted.
    "s3.amazonaws.com",
  ]
}

# The key by which residents' pseudonyms are made. Its value is put in by hand, once: no state file ever holds it.
resource "aws_secretsmanager_secret" "pseudonym_key" {
  # checkov:skip=CKV2_AWS_57:Rotation would give every person a new pseudonym; docs/PRIVACY.md tells how a key is changed.
  name        = "${local.prefix}/pseudonym-key"
  description = "STRATA_PSEUDONYM_KEY of Strata's jobs, as plain text"
  kms_key_id  = module.data_key.arn
  # Long enough to notice a deletion: without the key no later file can be joined with what is published.
  recovery_window_in_days = 30
}

# --- network ---------------------------------------------------------------------------------------

module "network" {
  source           = "./modules/network"
  name             = local.prefix
  region           = var.region
  cidr             = var.vpc_cidr
  zones            = var.zones
  internet_access  = var.internet_access
  emr_on_ec2       = var.emr_on_ec2
  logs_key_arn     = module.operations_key.arn
  log_retention    = var.log_retention_days
  interface_points = ["emr-serverless", "kms", "logs", "monitoring", "secretsmanager", "sts", "sqs"]
}

# --- buckets ---------------------------------------------------------------------------------------

# Who read which object, and when: access logs of the other buckets.
module "access_logs" {
  source          = "./modules/bucket"
  name            = "${local.prefix}-access-logs-${local.account}"
  is_log_target   = true
  kms_key_arn     = null
  noncurrent_days = var.noncurrent_days
  expire_days     = var.log_retention_days
}

# What arrives. Strata reads each file once, and again when all is recomputed, so the archive must answer at once.
module "raw" {
  source          = "./modules/bucket"
  name            = "${local.prefix}-raw-${local.account}"
  kms_key_arn     = module.data_key.arn
  log_bucket      = module.access_logs.name
  noncurrent_days = var.noncurrent_days
  archive         = { "" = var.archive_after_days }
}

# Tables. Bronze is seldom read after its day; silver and gold are read all the time, and stay where they are.
module "warehouse" {
  source          = "./modules/bucket"
  name            = "${local.prefix}-warehouse-${local.account}"
  kms_key_arn     = module.data_key.arn
  log_bucket      = module.access_logs.name
  noncurrent_days = var.noncurrent_days
  archive         = { "bronze/" = var.archive_after_days }
}

# Published copies for other engines (`strata export`): Parquet, a manifest, and nothing that no gate has passed.
module "exports" {
  source          = "./modules/bucket"
  name            = "${local.prefix}-exports-${local.account}"
  kms_key_arn     = module.data_key.arn
  log_bucket      = module.access_logs.name
  noncurrent_days = var.noncurrent_days
}

# Jobs, the environment archive, jars, DAGs, and the jobs' logs.
module "artifacts" {
  source          = "./modules/bucket"
  name            = "${local.prefix}-artifacts-${local.account}"
  kms_key_arn     = module.data_key.arn
  log_bucket      = module.access_logs.name
  noncurrent_days = var.noncurrent_days
  expire          = { "logs/" = var.log_retention_days }
}

# --- roles -----------------------------------------------------------------------------------------

# What a job may do: read raw files and its own code, write tables, exports and logs, and decrypt them.
module "job_role" {
  source  = "./modules/roles"
  name    = "${local.prefix}-job"
  service = "emr-serverless.amazonaws.com"
  account = local.account
  statements = {
    ListBuckets = {
      actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
      resources = [module.raw.arn, module.warehouse.arn, module.exports.arn, module.artifacts.arn]
    }
    ReadRawFilesAndCode = {
      actions   = ["s3:GetObject"]
      resources = ["${module.raw.arn}/*", "${module.artifacts.arn}/*"]
    }
    # A downloaded file is kept beside the raw files, for its hash to be known again.
    KeepDownloads = {
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${module.raw.arn}/*"]
    }
    WriteTables = {
      actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      resources = ["${module.warehouse.arn}/*", "${module.exports.arn}/*"]
    }
    WriteLogs = {
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${module.artifacts.arn}/logs/*"]
    }
    UseDataKey = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [module.data_key.arn]
    }
    ReadPseudonymKey = {
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [aws_secretsmanager_secret.pseudonym_key.arn]
    }
    ReportProgress = {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      resources = ["${module.monitoring.job_log_group_arn}:*"]
    }
    # EMR Serverless looks the group up before a job starts; IAM knows no narrower resource for a list.
    FindLogGroup = {
      actions   = ["logs:DescribeLogGroups"]
      resources = ["arn:aws:logs:${var.region}:${local.account}:log-group:*"]
    }
  }
}

# What a schedule may do: start jobs of this one application, under the job role and no other.
module "scheduler_role" {
  source  = "./modules/roles"
  name    = "${local.prefix}-scheduler"
  service = "scheduler.amazonaws.com"
  account = local.account
  statements = {
    StartJobs = {
      actions   = ["emr-serverless:StartJobRun"]
      resources = [module.emr.application_arn]
    }
    PassJobRole = {
      actions    = ["iam:PassRole"]
      resources  = [module.job_role.arn]
      conditions = { StringEquals = { "iam:PassedToService" = ["emr-serverless.amazonaws.com"] } }
    }
    KeepWhatFailed = {
      actions   = ["sqs:SendMessage"]
      resources = [module.schedule.dead_letter_arn]
    }
    EncryptWhatFailed = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [module.operations_key.arn]
    }
  }
}

# --- jobs ------------------------------------------------------------------------------------------

module "emr" {
  source            = "./modules/emr"
  name              = local.prefix
  release_label     = var.release_label
  maximum_capacity  = var.maximum_capacity
  subnet_ids        = module.network.private_subnet_ids
  security_group_id = module.network.jobs_security_group_id
}

# Machines of one's own choice, where EMR Serverless does not do: roles only, a cluster comes with its step.
module "cluster" {
  source        = "./modules/cluster"
  count         = var.emr_on_ec2 ? 1 : 0
  name          = local.prefix
  account       = local.account
  raw_arn       = module.raw.arn
  warehouse_arn = module.warehouse.arn
  exports_arn   = module.exports.arn
  artifacts_arn = module.artifacts.arn
  data_key_arn  = module.data_key.arn
}

module "schedule" {
  source             = "./modules/schedule"
  name               = local.prefix
  enabled            = var.orchestrator == "eventbridge"
  feeds              = var.feeds
  maintenance_days   = var.maintenance_every_days
  application_id     = module.emr.application_id
  job_role_arn       = module.job_role.arn
  scheduler_role_arn = module.scheduler_role.arn
  key_arn            = module.operations_key.arn
  raw_bucket         = module.raw.name
  warehouse_bucket   = module.warehouse.name
  artifacts_bucket   = module.artifacts.name
  secret_name        = aws_secretsmanager_secret.pseudonym_key.name
  key_id             = var.pseudonym_key_id
  log_group_name     = module.monitoring.job_log_group_name
  log_key_arn        = module.data_key.arn
}

module "airflow" {
  source            = "./modules/airflow"
  count             = var.orchestrator == "airflow" ? 1 : 0
  name              = local.prefix
  region            = var.region
  account           = local.account
  airflow_version   = var.airflow_version
  dags_bucket_arn   = module.artifacts.arn
  data_key_arn      = module.data_key.arn
  raw_bucket_arn    = module.raw.arn
  subnet_ids        = slice(module.network.private_subnet_ids, 0, 2)
  security_group_id = module.network.jobs_security_group_id
  application_arn   = module.emr.application_arn
  job_role_arn      = module.job_role.arn
}

# --- reading and watching --------------------------------------------------------------------------

module "catalog" {
  source      = "./modules/catalog"
  name        = local.prefix
  exports     = module.exports.name
  key_arn     = module.data_key.arn
  description = "Published exports of Strata, by publication"
}

module "monitoring" {
  source          = "./modules/monitoring"
  name            = local.prefix
  region          = var.region
  account         = local.account
  key_arn         = module.operations_key.arn
  application_id  = module.emr.application_id
  dead_letter     = module.schedule.dead_letter_name
  emails          = var.alarm_emails
  retention_days  = var.log_retention_days
  warehouse       = module.warehouse.name
  feeds           = { for feed, job in var.feeds : feed => job.stale_days }
  longest_minutes = 120
}
