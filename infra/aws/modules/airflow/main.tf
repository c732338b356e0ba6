# A managed Airflow (MWAA) in place of the schedules: DAGs from the artifacts bucket, private web server.

variable "name" {
  description = "Name of the environment."
  type        = string
}

variable "region" {
  description = "Region of its queues."
  type        = string
}

variable "account" {
  description = "Account of its logs."
  type        = string
}

variable "airflow_version" {
  description = "Airflow version."
  type        = string
}

variable "dags_bucket_arn" {
  description = "That bucket, for policies."
  type        = string
}

variable "raw_bucket_arn" {
  description = "Bucket of the raw files, which the sensors list."
  type        = string
}

variable "data_key_arn" {
  description = "Key of the environment and of the buckets."
  type        = string
}

variable "subnet_ids" {
  description = "Two private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of its workers."
  type        = string
}

variable "application_arn" {
  description = "EMR Serverless application whose jobs it starts."
  type        = string
}

variable "job_role_arn" {
  description = "Role under which it starts them."
  type        = string
}

# Starts and watches jobs of one application, and lists raw files; it reads no table.
module "role" {
  source  = "../roles"
  name    = "${var.name}-airflow"
  service = "airflow-env.amazonaws.com"
  account = var.account
  statements = {
    StartAndWatchJobs = {
      actions   = ["emr-serverless:StartJobRun", "emr-serverless:GetJobRun", "emr-serverless:CancelJobRun", "emr-serverless:GetApplication"]
      resources = [var.application_arn, "${var.application_arn}/jobruns/*"]
    }
    PassJobRole = {
      actions    = ["iam:PassRole"]
      resources  = [var.job_role_arn]
      conditions = { StringEquals = { "iam:PassedToService" = ["emr-serverless.amazonaws.com"] } }
    }
    ReadDags = {
      actions   = ["s3:GetObject", "s3:ListBucket", "s3:GetBucketPublicAccessBlock"]
      resources = [var.dags_bucket_arn, "${var.dags_bucket_arn}/dags/*"]
    }
    # Sensors see names, sizes and times, never contents.
    ListRawFiles = {
      actions   = ["s3:ListBucket"]
      resources = [var.raw_bucket_arn]
    }
    WriteOwnLogs = {
      actions = [
        "logs:CreateLogStream", "logs:CreateLogGroup", "logs:PutLogEvents", "logs:GetLogEvents",
        "logs:GetLogRecord", "logs:GetLogGroupFields", "logs:GetQueryResults",
      ]
      resources = ["arn:aws:logs:${var.region}:${var.account}:log-group:airflow-${var.name}-*"]
    }
    UseItsQueue = {
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"]
      resources = ["arn:aws:sqs:${var.region}:*:airflow-celery-*"]
    }
    UseDataKey = {
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      resources = [var.data_key_arn]
    }
  }
}

# Smallest class: it starts jobs and waits for them; the work is done elsewhere.
resource "aws_mwaa_environment" "this" {
  name               = var.name
  airflow_version    = var.airflow_version
  environment_class  = "mw1.small"
  execution_role_arn = module.role.arn
  kms_key            = var.data_key_arn

  source_bucket_arn    = var.dags_bucket_arn
  dag_s3_path          = "dags/"
  requirements_s3_path = "dags/requirements.txt"

  # Reached from inside the network only.
  webserver_access_mode = "PRIVATE_ONLY"

  network_configuration {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  airflow_configuration_options = {
    "core.load_examples" = "False"
    # A feed's run never waits on another feed's.
    "core.max_active_runs_per_dag" = "1"
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = "INFO"
    }

    scheduler_logs {
      enabled   = true
      log_level = "INFO"
    }

    task_logs {
      enabled   = true
      log_level = "INFO"
    }

    webserver_logs {
      enabled   = true
      log_level = "INFO"
    }

    worker_logs {
      enabled   = true
      log_level = "INFO"
    }
  }
}

output "webserver_url" {
  description = "Where Airflow is seen, from inside the network."
  value       = aws_mwaa_environment.this.webserver_url
}
