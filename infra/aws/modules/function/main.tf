# One function of the serverless path: its code, its role, its log, and the version that is called.

variable "name" {
  description = "Name of the handler in strata.light.cloud.handlers, and last part of the function's."
  type        = string
}

variable "common" {
  description = "What all functions have: first part of names, account, code, memory, environment, network, keys, days of logs, and the queue of dead letters."
  type = object({
    prefix             = string
    account            = string
    package            = object({ bucket = string, key = string })
    memory_mb          = number
    environment        = map(string)
    subnet_ids         = list(string)
    security_group_ids = list(string)
    data_key_arn       = string
    operations_key_arn = string
    log_retention_days = number
    dead_letters_arn   = string
  })
}

variable "seconds" {
  description = "Longest time of a call."
  type        = number
}

variable "at_once" {
  description = "Calls at once: as many are reserved, and no more are made."
  type        = number
}

variable "statements" {
  description = "What this function may do beside writing its log, using the keys and burying what cannot be done."
  type = map(object({
    actions    = list(string)
    resources  = list(string)
    conditions = optional(map(map(list(string))), {})
  }))
}

locals {
  name = "${var.common.prefix}-${var.name}"
}

# What every function may do; what this one may do besides is handed in.
module "role" {
  source  = "../roles"
  name    = local.name
  service = "lambda.amazonaws.com"
  account = var.common.account
  further = var.statements
  statements = {
    WriteLogs = {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
    }
    UseKeys = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.common.data_key_arn, var.common.operations_key_arn]
    }
    BuryWithReason = {
      actions   = ["sqs:SendMessage"]
      resources = [var.common.dead_letters_arn]
    }
  }
}

# Lambda's own policies for network cards and traces, which name no resource that is known before.
resource "aws_iam_role_policy_attachment" "this" {
  for_each   = toset(["arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole", "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"])
  role       = module.role.name
  policy_arn = each.key
}

# Its log, in which its figures stand as embedded metrics.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.common.log_retention_days
  kms_key_id        = var.common.operations_key_arn
}

# ARM costs a fifth less a second; every library here has wheels for it.
resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_116:Queues call these functions, and the queues have the dead letters; the fetcher is called again tomorrow.
  # checkov:skip=CKV_AWS_272:The package is put into our own bucket by our own pipeline; only that role may write there.
  function_name = local.name
  description   = "strata.light.cloud.handlers.${var.name}"
  role          = module.role.arn
  handler       = "strata.light.cloud.handlers.${var.name}"
  runtime       = "python3.13"
  architectures = ["arm64"]
  s3_bucket     = var.common.package.bucket
  s3_key        = var.common.package.key
  timeout       = var.seconds
  memory_size   = var.common.memory_mb
  kms_key_arn   = var.common.operations_key_arn
  # A version is what provisioned concurrency warms.
  publish = true
  # Reserved: nobody takes it away, and the tables see no more calls at once than this.
  reserved_concurrent_executions = var.at_once

  environment {
    variables = var.common.environment
  }

  tracing_config {
    mode = "Active"
  }

  vpc_config {
    subnet_ids         = var.common.subnet_ids
    security_group_ids = var.common.security_group_ids
  }

  depends_on = [aws_cloudwatch_log_group.this]
}

# The version that queues call and that is kept warm.
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

output "arn" {
  description = "The function."
  value       = aws_lambda_function.this.arn
}

output "function_name" {
  description = "Name of the function, for its metrics."
  value       = aws_lambda_function.this.function_name
}

output "alias_arn" {
  description = "The version that is called."
  value       = aws_lambda_alias.live.arn
}

output "alias_name" {
  description = "Name of that version."
  value       = aws_lambda_alias.live.name
}
