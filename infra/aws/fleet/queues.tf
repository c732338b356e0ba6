# Moving vehicles have a queue of their own: a long queue of idle ones never stands before them.

locals {
  # A message is hidden for six times as long as a call may take, as AWS advises.
  seconds = { arrivals = 900, vehicles = 900, moving = 60, idle = 60 }
}

# Work to do; after three tries SQS itself moves what the function could not bury with its reason.
resource "aws_sqs_queue" "work" {
  for_each                   = local.seconds
  name                       = "${local.name}-${each.key}"
  kms_master_key_id          = var.operations_key_arn
  visibility_timeout_seconds = each.value * 6
  message_retention_seconds  = 345600
  # An empty receive is billed: ask for as long as SQS lets us.
  receive_wait_time_seconds = 20

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 3
  })
}

# What could not be done, with the reason; `strata light redrive` sends it back.
resource "aws_sqs_queue" "dead" {
  name              = "${local.name}-dead"
  kms_master_key_id = var.operations_key_arn
  # Two weeks, SQS's longest: nobody looks on the day before a holiday.
  message_retention_seconds = 1209600
}

# Only these queues may bury here.
resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [for queue in aws_sqs_queue.work : queue.arn]
  })
}

data "aws_iam_policy_document" "arrivals" {
  for_each = toset(["arrivals", "vehicles"])

  # S3, for this bucket of this account, and nobody else.
  statement {
    sid       = "NoticesOfS3"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.work[each.key].arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [module.raw.arn]
    }
  }
}

# The policy above, put on the queues of notices.
resource "aws_sqs_queue_policy" "arrivals" {
  for_each  = data.aws_iam_policy_document.arrivals
  queue_url = aws_sqs_queue.work[each.key].url
  policy    = each.value.json
}
