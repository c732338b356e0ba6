# Alarms on what people must look at, and one page for the morning. Metrics of the functions are embedded in their logs.

locals {
  alarms = {
    dead = { metric = "ApproximateNumberOfMessagesVisible", queue = aws_sqs_queue.dead.name, limit = 0, text = "A dead letter lies there. See `A dead letter` in docs/fleet/PLAYBOOK.md." }
    old  = { metric = "ApproximateAgeOfOldestMessage", queue = aws_sqs_queue.dead.name, limit = 86400, text = "A dead letter is older than a day; it is gone after 14." }
    late = { metric = "ApproximateAgeOfOldestMessage", queue = aws_sqs_queue.work["moving"].name, limit = 60, text = "A moving vehicle's record has waited for a minute. See `Moving ones wait`." }
    idle = { metric = "ApproximateAgeOfOldestMessage", queue = aws_sqs_queue.work["idle"].name, limit = 3600, text = "An idle vehicle's record has waited for an hour." }
  }
}

# Depth and age of the queues.
resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each            = local.alarms
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  threshold           = each.value.limit
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}

# Calls that were refused: the reserved concurrency is too low for the queue.
resource "aws_cloudwatch_metric_alarm" "throttled" {
  for_each            = local.functions
  alarm_name          = "${local.name}-${each.key}-throttled"
  alarm_description   = "Calls of ${each.key} are refused for ten minutes. See `Moving ones wait` in docs/fleet/PLAYBOOK.md."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.this[each.key].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  threshold           = 10
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
}

# One page: how long moving ones wait, what is judged, what waits, what died.
resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.name

  dashboard_body = jsonencode({
    widgets = [
      {
        type = "metric", x = 0, y = 0, width = 12, height = 6
        properties = {
          title   = "Longest wait of a record, ms"
          region  = var.region
          stat    = "Maximum"
          period  = 60
          metrics = [["Strata/Fleet", "oldest_wait_ms", "Function", "judge"]]
        }
      },
      {
        type = "metric", x = 12, y = 0, width = 12, height = 6
        properties = {
          title   = "Records judged"
          region  = var.region
          stat    = "Sum"
          period  = 60
          metrics = [for name in ["accepted", "rejected", "told_again", "dead"] : ["Strata/Fleet", name, "Function", "judge"]]
        }
      },
      {
        type = "metric", x = 0, y = 6, width = 12, height = 6
        properties = {
          title   = "Depth of the queues"
          region  = var.region
          stat    = "Maximum"
          period  = 60
          metrics = [for queue in concat([for work in aws_sqs_queue.work : work.name], [aws_sqs_queue.dead.name]) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]]
        }
      },
      {
        type = "metric", x = 12, y = 6, width = 12, height = 6
        properties = {
          title   = "Calls at once"
          region  = var.region
          stat    = "Maximum"
          period  = 60
          metrics = [for function in aws_lambda_function.this : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", function.function_name]]
        }
      },
    ]
  })
}
