# EventBridge starts each feed's job, and maintenance, straight at EMR Serverless; what could not be started is kept.

variable "name" {
  description = "First part of the names."
  type        = string
}

variable "enabled" {
  description = "Whether the schedules are on; off where Airflow starts the jobs."
  type        = bool
}

variable "feeds" {
  description = "Feeds, when they run, and with which options of `strata run`."
  type = map(object({
    schedule  = string
    arguments = optional(list(string), [])
  }))
}

variable "maintenance_days" {
  description = "Days between two runs of `strata maintain`."
  type        = number
}

variable "application_id" {
  description = "EMR Serverless application."
  type        = string
}

variable "job_role_arn" {
  description = "Role of the jobs."
  type        = string
}

variable "scheduler_role_arn" {
  description = "Role of the schedules."
  type        = string
}

variable "key_arn" {
  description = "Key of the schedules and of the queue."
  type        = string
}

variable "log_key_arn" {
  description = "Key of the logs in S3."
  type        = string
}

variable "raw_bucket" {
  description = "Bucket of the raw files."
  type        = string
}

variable "warehouse_bucket" {
  description = "Bucket of the tables."
  type        = string
}

variable "artifacts_bucket" {
  description = "Bucket of jobs, environment, jars and logs."
  type        = string
}

variable "secret_name" {
  description = "Name of the secret that holds the pseudonym key; EMR Serverless puts its value in."
  type        = string
}

variable "key_id" {
  description = "Name of the pseudonym key in use; no secret."
  type        = string
}

variable "log_group_name" {
  description = "Log group of the jobs."
  type        = string
}

locals {
  artifacts = "s3://${var.artifacts_bucket}"
  project   = "${path.module}/../../../.."

  jobs = merge(
    { for feed, job in var.feeds : feed => { when = job.schedule, entry = feed, arguments = job.arguments } },
    { maintain = { when = "rate(${var.maintenance_days} days)", entry = "command", arguments = ["maintain"] } },
  )

  # The same files that infra/emr/submit.py reads: Spark's settings, the job's environment, and the locked jars.
  settings = {
    for line in regexall("(?m)^(spark\\.\\S+)[ \\t]+(\\S.*)$", file("${local.project}/conf/spark/emr.conf")) :
    line[0] => line[1] if line[0] != "spark.jars.packages"
  }
  jars = join(",", [
    for jar in regexall("(?m)^spark [^:\\s]+:([^:\\s]+):(\\S+) ", file("${local.project}/conf/jars.lock")) :
    "${local.artifacts}/jars/${jar[0]}-${jar[1]}.jar"
  ])
  places = {
    "{artifacts}" = local.artifacts
    "{raw}"       = "s3://${var.raw_bucket}"
    "{warehouse}" = "s3://${var.warehouse_bucket}"
    "{secret}"    = var.secret_name
    "{key_id}"    = var.key_id
  }
  # One place is replaced after the other: a value holds one of them at most.
  environment = {
    for name, value in jsondecode(file("${local.project}/infra/emr/spark.json")) :
    name => join("", [for part in regexall("\\{[a-z_]+\\}|[^{]+", value) : lookup(local.places, part, part)])
  }
}

# Schedules of one environment, counted and alarmed together.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

# A job that could not even be started lies here, with the reason.
resource "aws_sqs_queue" "dead" {
  name              = "${var.name}-not-started"
  kms_master_key_id = var.key_arn
  # Two weeks, SQS's longest: nobody looks on the day before a holiday.
  message_retention_seconds = 1209600
}

# One schedule a feed, and one for maintenance; each starts one job run.
resource "aws_scheduler_schedule" "job" {
  for_each                     = local.jobs
  name                         = each.key
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = each.value.when
  schedule_expression_timezone = "UTC"
  state                        = var.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = var.key_arn

  # Not all feeds on the same second.
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 10
  }

  target {
    arn      = "arn:aws:scheduler:::aws-sdk:emrserverless:startJobRun"
    role_arn = var.scheduler_role_arn

    input = jsonencode({
      ApplicationId    = var.application_id
      ClientToken      = "<aws.scheduler.execution-id>"
      ExecutionRoleArn = var.job_role_arn
      Name             = each.key
      # A run that takes longer is stuck: what it published stands, and the next one goes on.
      ExecutionTimeoutMinutes = 360
      JobDriver = {
        SparkSubmit = {
          EntryPoint          = "${local.artifacts}/jobs/${each.value.entry}.py"
          EntryPointArguments = each.value.arguments
        }
      }
      ConfigurationOverrides = {
        ApplicationConfiguration = [{
          Classification = "spark-defaults"
          Properties     = merge(local.settings, local.environment, { "spark.jars" = local.jars })
        }]
        MonitoringConfiguration = {
          S3MonitoringConfiguration                 = { LogUri = "${local.artifacts}/logs/", EncryptionKeyArn = var.log_key_arn }
          CloudWatchLoggingConfiguration            = { Enabled = true, LogGroupName = var.log_group_name, LogStreamNamePrefix = each.key }
          ManagedPersistenceMonitoringConfiguration = { Enabled = false }
        }
      }
    })

    # Starting is retried; a run that failed is not, for only its exit code says whether that helps (infra/airflow).
    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }

    dead_letter_config {
      arn = aws_sqs_queue.dead.arn
    }
  }
}

output "dead_letter_arn" {
  description = "Queue of the jobs that were not started."
  value       = aws_sqs_queue.dead.arn
}

output "dead_letter_name" {
  description = "Name of that queue, for its alarm."
  value       = aws_sqs_queue.dead.name
}

output "group_name" {
  description = "Group of the schedules."
  value       = aws_scheduler_schedule_group.this.name
}
