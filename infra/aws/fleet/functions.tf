# One function a task, each with a role of its own; a queue calls it, and says how many calls run at once.

locals {
  # What all functions have; the module says what for.
  common = {
    prefix             = local.name
    account            = local.account
    package            = var.package
    memory_mb          = var.memory_mb
    environment        = local.environment
    subnet_ids         = var.subnet_ids
    security_group_ids = [aws_security_group.functions.id]
    data_key_arn       = var.data_key_arn
    operations_key_arn = var.operations_key_arn
    log_retention_days = var.log_retention_days
    dead_letters_arn   = aws_sqs_queue.dead.arn
  }
  functions = {
    split_events   = { arn = module.split_events.arn, function_name = module.split_events.function_name, alias_arn = module.split_events.alias_arn }
    load_vehicles  = { arn = module.load_vehicles.arn, function_name = module.load_vehicles.function_name, alias_arn = module.load_vehicles.alias_arn }
    judge          = { arn = module.judge.arn, function_name = module.judge.function_name, alias_arn = module.judge.alias_arn }
    fetch_vehicles = { arn = module.fetch_vehicles.arn, function_name = module.fetch_vehicles.function_name, alias_arn = module.fetch_vehicles.alias_arn }
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
module "split_events" {
  source  = "../modules/function"
  name    = "split_events"
  common  = local.common
  seconds = 900
  at_once = var.concurrency.arrivals
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
      actions   = ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [aws_dynamodb_table.files.arn]
    }
    SendRecords = {
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.work["moving"].arn, aws_sqs_queue.work["idle"].arn, aws_sqs_queue.work["arrivals"].arn]
    }
  }
}

# What the judge may do: read vehicles, and write fixes and rejected records.
module "judge" {
  source  = "../modules/function"
  name    = "judge"
  common  = local.common
  seconds = 60
  at_once = var.concurrency.moving + var.concurrency.idle
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
  }
}

# What the loader may do: read metadata, write vehicles, and have records judged again.
module "load_vehicles" {
  source  = "../modules/function"
  name    = "load_vehicles"
  common  = local.common
  seconds = 900
  at_once = var.concurrency.vehicles
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
  }
}

# What the fetcher may do: put one kind of object.
module "fetch_vehicles" {
  source  = "../modules/function"
  name    = "fetch_vehicles"
  common  = local.common
  seconds = 300
  at_once = 1
  statements = {
    PutMetadata = {
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${module.raw.arn}/fleet/vehicles/*"]
    }
  }
}

# A queue calls its function: more calls as the queue grows, up to its share; failures message by message.
resource "aws_lambda_event_source_mapping" "queue" {
  for_each                           = local.sources
  event_source_arn                   = aws_sqs_queue.work[each.key].arn
  function_name                      = local.functions[each.value.function].alias_arn
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
  resource_id        = "function:${module.judge.function_name}:${module.judge.alias_name}"
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
      resources = [module.fetch_vehicles.alias_arn]
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
    arn      = module.fetch_vehicles.alias_arn
    role_arn = module.schedule_role.arn

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 3
    }
  }
}
