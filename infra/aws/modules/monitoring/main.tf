# Logs, a dashboard, and an alarm for each way in which a feed can stop being fresh.

variable "name" {
  description = "First part of the names."
  type        = string
}

variable "region" {
  description = "Region of the dashboard's graphs."
  type        = string
}

variable "account" {
  description = "Account whose alarms may notify."
  type        = string
}

variable "key_arn" {
  description = "Key of logs and notices."
  type        = string
}

variable "application_id" {
  description = "EMR Serverless application to watch."
  type        = string
}

variable "dead_letter" {
  description = "Queue of the jobs that were not started."
  type        = string
}

variable "emails" {
  description = "Who is told."
  type        = set(string)
}

variable "retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "warehouse" {
  description = "Bucket of the tables, for its size."
  type        = string
}

variable "feeds" {
  description = "Feeds whose publications are counted, and after how many days without a good run each is stale; 0 for no such alarm."
  type        = map(number)
}

variable "longest_minutes" {
  description = "A job that runs longer is looked at."
  type        = number
}

# Progress of the jobs, and the one sentence of each that failed.
resource "aws_cloudwatch_log_group" "jobs" {
  name              = "/strata/${var.name}/jobs"
  retention_in_days = var.retention_days
  kms_key_id        = var.key_arn
}

# Strata prints this sentence once a publication.
resource "aws_cloudwatch_log_metric_filter" "published" {
  for_each       = var.feeds
  name           = "${each.key}-published"
  log_group_name = aws_cloudwatch_log_group.jobs.name
  pattern        = "\"${each.key}: published as publication\""

  metric_transformation {
    name          = "${each.key}-published"
    namespace     = "Strata/${var.name}"
    value         = "1"
    default_value = "0"
  }
}

# A run that ended well, whether or not there was anything new.
resource "aws_cloudwatch_log_metric_filter" "fresh" {
  for_each       = var.feeds
  name           = "${each.key}-fresh"
  log_group_name = aws_cloudwatch_log_group.jobs.name
  pattern        = "?\"${each.key}: published as publication\" ?\"${each.key}: nothing new since publication\""

  metric_transformation {
    name          = "${each.key}-fresh"
    namespace     = "Strata/${var.name}"
    value         = "1"
    default_value = "0"
  }
}

# Each failure is one line that begins so, whatever its exit code.
resource "aws_cloudwatch_log_metric_filter" "failed" {
  name           = "failed"
  log_group_name = aws_cloudwatch_log_group.jobs.name
  pattern        = "\"strata: \""

  metric_transformation {
    name          = "failed"
    namespace     = "Strata/${var.name}"
    value         = "1"
    default_value = "0"
  }
}

# --- who is told -----------------------------------------------------------------------------------

# One topic: whoever is on duty subscribes once.
resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.key_arn
}

data "aws_iam_policy_document" "alarms" {
  # Alarms and events of this account, and nobody else's.
  statement {
    sid       = "OwnAlarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account]
    }
  }
}

# The policy above, put on the topic.
resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

# Each address confirms by mail before it gets anything.
resource "aws_sns_topic_subscription" "email" {
  for_each  = var.emails
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

# --- alarms ----------------------------------------------------------------------------------------

# A failed job, at once and with its own words.
resource "aws_cloudwatch_event_rule" "failed" {
  name        = "${var.name}-job-failed"
  description = "A Strata job ended without success"

  event_pattern = jsonencode({
    source      = ["aws.emr-serverless"]
    detail-type = ["EMR Serverless Job Run State Change"]
    detail      = { applicationId = [var.application_id], state = ["FAILED", "CANCELLED"] }
  })
}

# The event as one sentence, with the place of the job's own.
resource "aws_cloudwatch_event_target" "failed" {
  rule = aws_cloudwatch_event_rule.failed.name
  arn  = aws_sns_topic.alarms.arn

  input_transformer {
    input_paths    = { job = "$.detail.jobRunName", run = "$.detail.jobRunId", state = "$.detail.state" }
    input_template = "\"Strata: <job> is <state> (job run <run>). The log group /strata/${var.name}/jobs has its sentence; docs/OPERATIONS.md says what to do.\""
  }
}

# No good run for days, whatever the reason: a schedule off, a job that hangs. CloudWatch looks back seven days at
# most, so a weekly feed has no such alarm: what it has is told when its job fails or does not start.
resource "aws_cloudwatch_metric_alarm" "stale" {
  for_each            = { for feed, days in var.feeds : feed => days if days > 0 }
  alarm_name          = "${var.name}-${each.key}-stale"
  alarm_description   = "No run of ${each.key} has ended well for ${each.value} days. See the runbook `A feed is stale`."
  namespace           = "Strata/${var.name}"
  metric_name         = "${each.key}-fresh"
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = each.value
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  # No log line at all is the very thing to be told of.
  treat_missing_data = "breaching"
  alarm_actions      = [aws_sns_topic.alarms.arn]
  ok_actions         = [aws_sns_topic.alarms.arn]
}

# The schedule fired and nothing ran: nobody would see it otherwise. And capacity in use without a pause: a job that
# hangs, or one that outgrew its hour.
module "alarms" {
  source    = "../alarms"
  topic_arn = aws_sns_topic.alarms.arn
  alarms = {
    "${var.name}-not-started" = {
      text       = "A schedule could not start its job. See the runbook `A job does not start`."
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = var.dead_letter }
      seconds    = 300
      periods    = 1
      limit      = 0
    }
    "${var.name}-long" = {
      text       = "Jobs have run for ${var.longest_minutes} minutes without a pause. See the runbook `A job takes too long`."
      namespace  = "AWS/EMRServerless"
      metric     = "RunningWorkerCount"
      dimensions = { ApplicationId = var.application_id }
      statistic  = "Minimum"
      seconds    = 300
      periods    = var.longest_minutes / 5
      limit      = 0
    }
  }
}

# --- dashboard -------------------------------------------------------------------------------------

# One page for the morning: freshness, failures, capacity, size.
resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      {
        type = "metric", x = 0, y = 0, width = 12, height = 6
        properties = {
          title   = "Publications a day"
          region  = var.region
          stat    = "Sum"
          period  = 86400
          metrics = [for feed in keys(var.feeds) : ["Strata/${var.name}", "${feed}-published"]]
        }
      },
      {
        type = "metric", x = 12, y = 0, width = 12, height = 6
        properties = {
          title   = "Sentences of failures"
          region  = var.region
          stat    = "Sum"
          period  = 3600
          metrics = [["Strata/${var.name}", "failed"]]
        }
      },
      {
        type = "metric", x = 0, y = 6, width = 12, height = 6
        properties = {
          title   = "Cores and memory in use"
          region  = var.region
          stat    = "Maximum"
          period  = 300
          metrics = [for name in ["CPUAllocated", "MemoryAllocated"] : ["AWS/EMRServerless", name, "ApplicationId", var.application_id]]
        }
      },
      {
        type = "metric", x = 12, y = 6, width = 12, height = 6
        properties = {
          title   = "Size of the warehouse, by storage class"
          region  = var.region
          stat    = "Average"
          period  = 86400
          metrics = [for class in ["StandardStorage", "GlacierInstantRetrievalStorage"] : ["AWS/S3", "BucketSizeBytes", "BucketName", var.warehouse, "StorageType", class]]
        }
      },
      {
        type = "log", x = 0, y = 12, width = 24, height = 6
        properties = {
          title  = "Why jobs failed"
          region = var.region
          query  = "SOURCE '${aws_cloudwatch_log_group.jobs.name}' | fields @timestamp, @message | filter @message like /^strata: / | sort @timestamp desc | limit 50"
        }
      },
    ]
  })
}

output "job_log_group_arn" {
  description = "Log group of the jobs, for policies."
  value       = aws_cloudwatch_log_group.jobs.arn
}

output "job_log_group_name" {
  description = "Log group of the jobs."
  value       = aws_cloudwatch_log_group.jobs.name
}

output "topic_arn" {
  description = "Topic to which every alarm goes."
  value       = aws_sns_topic.alarms.arn
}
