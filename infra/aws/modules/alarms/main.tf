# Alarms on metrics that must stay at a limit or below: of the feeds' jobs and of the serverless path alike.

variable "topic_arn" {
  description = "Topic that is told, when an alarm goes off and when it ends."
  type        = string
}

variable "alarms" {
  description = "By its whole name: what is watched, in how many periods of how many seconds, up to which limit, and what to do about it."
  type = map(object({
    text       = string
    namespace  = string
    metric     = string
    dimensions = map(string)
    statistic  = optional(string, "Maximum")
    seconds    = number
    periods    = number
    limit      = number
  }))
}

# Without a figure all is well: a queue that nobody uses, a function that nobody calls.
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = var.alarms
  alarm_name          = each.key
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.seconds
  evaluation_periods  = each.value.periods
  threshold           = each.value.limit
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}
