# One function a task, each with a role of its own; a queue calls it, and says how many calls run at once.

locals {
  functions = {
    split_events   = { seconds = 900, role_arn = module.split_events_role.arn, role = module.split_events_role.name, at_once = var.concurrency.arrivals }
    load_vehicles  = { seconds = 900, role_arn = module.load_vehicles_role.arn, role = module.load_vehicles_role.name, at_once = var.concurrency.vehicles }
    judge          = { seconds = 60, role_arn = module.judge_role.arn, role = module.judge_role.name, at_once = var.concurrency.moving + var.concurrency.idle }
    fetch_vehicles = { seconds = 300, role_arn = module.fetch_vehicles_role.arn, role = module.fetch_vehicles_role.name, at_once = 1 }
  }
  # Batches: ten messages are one request of SQS and some 2,500 records; a file is a batch of its own.
  sources = {
    arrivals = { function = "split_events", batch = 1, window = 0, at_once = var.concurrency.arrivals }
    vehicles = { function = "load_vehicles", batch = 1, window = 0, at_once = 2 }
    moving   = { function = "judge", batch = 10, window = 0, at_once = var.concurrency.moving }
    idle     = { function = "judge", batch = 10, window = 5, at_once = var.concurrency.idle }
  }
}

# What the splitter may do: read raw events, note files, and send to the queues.
module "split_events_role" {
  source  = "../modules/roles"
  name    = "${local.name}-split_events"
  service = "lambda.amazonaws.com"
  account = local.account
  statements = {
    TakeWork = {
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
      resources = [aws_sqs_queue.work["arrivals"].arn]
    }
    ReadEvents = {
      actions   = ["s3:GetObject", "s3:GetObjectVersion"]
      resources = ["${module.raw.arn}/fleet/events/*"]
    }
    NoteFiles = {
      actions   = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [aws_dynamodb_table.files.arn]
    }
    SendRecords = {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.work["moving"].arn, aws_sqs_queue.work["idle"].arn, aws_sqs_queue.work["arrivals"].arn]
    }
    WriteLogs = {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["${aws_cloudwatch_log_group.function["split_events"].arn}:*"]
    }
    UseKeys = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.data_key_arn, var.operations_key_arn]
    }
    BuryWithReason = {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.dead.arn]
    }
  }
}

# What the judge may do: read vehicles, and write fixes and rejected records.
module "judge_role" {
  source  = "../modules/roles"
  name    = "${local.name}-judge"
  service = "lambda.amazonaws.com"
  account = local.account
  statements = {
    TakeWork = {
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
      resources = [aws_sqs_queue.work["moving"].arn, aws_sqs_queue.work["idle"].arn]
    }
    ReadVehicles = {
      actions   = ["dynamodb:BatchGetItem"]
      resources = [aws_dynamodb_table.vehicles.arn]
    }
    ReadClaims = {
      actions   = ["dynamodb:Query"]
      resources = [aws_dynamodb_table.fixes.arn]
    }
    WriteRecords = {
      actions   = ["dynamodb:BatchWriteItem"]
      resources = [aws_dynamodb_table.fixes.arn, aws_dynamodb_table.rejected.arn]
    }
    WriteLogs = {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["${aws_cloudwatch_log_group.function["judge"].arn}:*"]
    }
    UseKeys = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.data_key_arn, var.operations_key_arn]
    }
    BuryWithReason = {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.dead.arn]
    }
  }
}

# What the loader may do: read metadata, write vehicles, and have records judged again.
module "load_vehicles_role" {
  source  = "../modules/roles"
  name    = "${local.name}-load_vehicles"
  service = "lambda.amazonaws.com"
  account = local.account
  statements = {
    TakeWork = {
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
      resources = [aws_sqs_queue.work["vehicles"].arn]
    }
    ReadMetadata = {
      actions   = ["s3:GetObject", "s3:GetObjectVersion"]
      resources = ["${module.raw.arn}/fleet/vehicles/*"]
    }
    WriteVehicles = {
      actions   = ["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem"]
      resources = [aws_dynamodb_table.vehicles.arn]
    }
    ReadRecords = {
      actions   = ["dynamodb:Query", "dynamodb:Scan"]
      resources = [aws_dynamodb_table.fixes.arn, "${aws_dynamodb_table.rejected.arn}/index/by_vehicle"]
    }
    SendRecords = {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.work["moving"].arn, aws_sqs_queue.work["idle"].arn]
    }
    WriteLogs = {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["${aws_cloudwatch_log_group.function["load_vehicles"].arn}:*"]
    }
    UseKeys = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.data_key_arn, var.operations_key_arn]
    }
    BuryWithReason = {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.dead.arn]
    }
  }
}

# What the fetcher may do: put one kind of object.
module "fetch_vehicles_role" {
  source  = "../modules/roles"
  name    = "${local.name}-fetch_vehicles"
  service = "lambda.amazonaws.com"
  account = local.account
  statements = {
    PutMetadata = {
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${module.raw.arn}/fleet/vehicles/*"]
    }
    WriteLogs = {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["${aws_cloudwatch_log_group.function["fetch_vehicles"].arn}:*"]
    }
    UseKeys = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.data_key_arn, var.operations_key_arn]
    }
    BuryWithReason = {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.dead.arn]
    }
  }
}

# Lambda's own policy for network cards and traces, which name no resource that is known before.
resource "aws_iam_role_policy_attachment" "network" {
  for_each   = { for pair in setproduct(keys(local.functions), ["AWSLambdaVPCAccessExecutionRole", "AWSXRayDaemonWriteAccess"]) : join(" ", pair) => pair }
  role       = local.functions[each.value[0]].role
  policy_arn = each.value[1] == "AWSXRayDaemonWriteAccess" ? "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess" : "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
}

# Each function's log, in which its figures stand as embedded metrics.
resource "aws_cloudwatch_log_group" "function" {
  for_each          = toset(["split_events", "load_vehicles", "judge", "fetch_vehicles"])
  name              = "/aws/lambda/${local.name}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.operations_key_arn
}

# ARM costs a fifth less a second; every library here has wheels for it.
resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_116:Queues call these functions, and the queues have the dead letters; the fetcher is called again tomorrow.
  # checkov:skip=CKV_AWS_272:The package is put into our own bucket by our own pipeline; only that role may write there.
  for_each      = local.functions
  function_name = "${local.name}-${each.key}"
  description   = "strata.light.cloud.handlers.${each.key}"
  role          = each.value.role_arn
  handler       = "strata.light.cloud.handlers.${each.key}"
  runtime       = "python3.13"
  architectures = ["arm64"]
  s3_bucket     = var.package.bucket
  s3_key        = var.package.key
  timeout       = each.value.seconds
  memory_size   = var.memory_mb
  kms_key_arn   = var.operations_key_arn
  # A version is what provisioned concurrency warms.
  publish = true
  # Reserved: nobody takes it away, and the tables see no more calls at once than this.
  reserved_concurrent_executions = each.value.at_once

  environment {
    variables = local.environment
  }

  tracing_config {
    mode = "Active"
  }

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [aws_security_group.functions.id]
  }

  depends_on = [aws_cloudwatch_log_group.function]
}

# The version that queues call and that is kept warm.
resource "aws_lambda_alias" "live" {
  for_each         = local.functions
  name             = "live"
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}

# A queue calls its function: more calls as the queue grows, up to its share; failures message by message.
resource "aws_lambda_event_source_mapping" "queue" {
  for_each                           = local.sources
  event_source_arn                   = aws_sqs_queue.work[each.key].arn
  function_name                      = aws_lambda_alias.live[each.value.function].arn
  batch_size                         = each.value.batch
  maximum_batching_window_in_seconds = each.value.window
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    # The loader's reserved concurrency of one holds it to one call; SQS allows no lower limit than two.
    maximum_concurrency = each.value.at_once
  }
}

# --- ahead of a known peak -------------------------------------------------------------------------

# What is kept warm, between the limits below.
resource "aws_appautoscaling_target" "judge" {
  count              = var.peak == null ? 0 : 1
  service_namespace  = "lambda"
  resource_id        = "function:${aws_lambda_function.this["judge"].function_name}:${aws_lambda_alias.live["judge"].name}"
  scalable_dimension = "lambda:function:ProvisionedConcurrency"
  min_capacity       = 0
  max_capacity       = var.peak.functions
}

# Warm before the vehicles leave, cold after: the queue's own scaling needs minutes, the shift begins at once.
resource "aws_appautoscaling_scheduled_action" "judge" {
  for_each           = var.peak == null ? {} : { begins = var.peak.begins, ends = var.peak.ends }
  name               = "${local.name}-${each.key}"
  service_namespace  = aws_appautoscaling_target.judge[0].service_namespace
  resource_id        = aws_appautoscaling_target.judge[0].resource_id
  scalable_dimension = aws_appautoscaling_target.judge[0].scalable_dimension
  schedule           = each.value

  scalable_target_action {
    min_capacity = each.key == "begins" ? var.peak.functions : 0
    max_capacity = var.peak.functions
  }
}

# --- the metadata API ------------------------------------------------------------------------------

# The schedule may call this one function.
module "schedule_role" {
  source  = "../modules/roles"
  name    = "${local.name}-schedule"
  service = "scheduler.amazonaws.com"
  account = local.account
  statements = {
    CallFetcher = {
      actions   = ["lambda:InvokeFunction"]
      resources = [aws_lambda_alias.live["fetch_vehicles"].arn]
    }
  }
}

# Once a day, before the shift; S3 then tells the loader.
resource "aws_scheduler_schedule" "fetch" {
  count                        = var.api_url == "" ? 0 : 1
  name                         = "${local.name}-fetch-vehicles"
  schedule_expression          = "cron(0 4 * * ? *)"
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = var.operations_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live["fetch_vehicles"].arn
    role_arn = module.schedule_role.arn

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }
  }
}
