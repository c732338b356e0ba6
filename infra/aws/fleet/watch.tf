# Alarms on what people must look at, and one page for the morning. Metrics of the functions are embedded in their logs.

locals {
  alarms = {
    dead = { metric = "ApproximateNumberOfMessagesVisible", queue = aws_sqs_queue.dead.name, limit = 0, text = "A dead letter lies there. See `A dead letter` in docs/fleet/PLAYBOOK.md." }
    old  = { metric = "ApproximateAgeOfOldestMessage", queue = aws_sqs_queue.dead.name, limit = 86400, text = "A dead letter is older than a day; it is gone after 14." }
    late = { metric = "ApproximateAgeOfOldestMessage", queue = aws_sqs_queue.work["moving"].name, limit = 60, text = "A moving vehicle's record has waited for a minute. See `Moving ones wait`." }
    idle = { metric = "ApproximateAgeOfOldestMessage", queue = aws_sqs_queue.work["idle"].name, limit = 3600, text = "An idle vehicle's record has waited for an hour." }
  }
}

# Depth and age of the queues; calls that were refused, for then the reserved concurrency is too low for the queue.
module "alarms" {
  source    = "../modules/alarms"
  topic_arn = var.alarm_topic_arn
  alarms = merge(
    { for name, alarm in local.alarms : "${local.name}-${name}" => {
      text       = alarm.text
      namespace  = "AWS/SQS"
      metric     = alarm.metric
      dimensions = { QueueName = alarm.queue }
      seconds    = 60
      periods    = 2
      limit      = alarm.limit
    } },
    { for name, function in local.functions : "${local.name}-${name}-throttled" => {
      text       = "Calls of ${name} are refused for ten minutes. See `Moving ones wait` in docs/fleet/PLAYBOOK.md."
      namespace  = "AWS/Lambda"
      metric     = "Throttles"
      dimensions = { FunctionName = function.function_name }
      statistic  = "Sum"
      seconds    = 300
      periods    = 2
      limit      = 10
    } },
  )
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
          metrics = [for function in local.functions : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", function.function_name]]
        }
      },
    ]
  })
}
