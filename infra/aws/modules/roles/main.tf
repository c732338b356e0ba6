# A role that one AWS service takes on, with exactly the statements given.

variable "name" {
  description = "Name of the role."
  type        = string
}

variable "service" {
  description = "Service that takes the role on, e.g. emr-serverless.amazonaws.com."
  type        = string
}

variable "account" {
  description = "Account for whose resources the service may take it on; null for EC2, which names none and serves its own account only."
  type        = string
}

variable "statements" {
  description = "What the role may do, by the name of each statement. No action and no resource is a bare wildcard."
  type = map(object({
    actions    = list(string)
    resources  = list(string)
    conditions = optional(map(map(list(string))), {})
  }))

  validation {
    condition     = alltrue([for item in values(var.statements) : !contains(item.actions, "*") && !contains(item.resources, "*")])
    error_message = "A statement names its actions and its resources; neither may be a bare *."
  }
}

variable "further" {
  description = "Further statements, where two places have their share in a role; names differ from those above."
  type = map(object({
    actions    = list(string)
    resources  = list(string)
    conditions = optional(map(map(list(string))), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for item in values(var.further) : !contains(item.actions, "*") && !contains(item.resources, "*")])
    error_message = "A statement names its actions and its resources; neither may be a bare *."
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [var.service]
    }

    # The service acts for every customer; only for this account may it take the role on.
    dynamic "condition" {
      for_each = var.account == null ? [] : [var.account]

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

data "aws_iam_policy_document" "rights" {
  dynamic "statement" {
    for_each = merge(var.further, var.statements)

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = merge([for test, values in statement.value.conditions : { for name, list in values : "${test} ${name}" => list }]...)

        content {
          test     = split(" ", condition.key)[0]
          variable = split(" ", condition.key)[1]
          values   = condition.value
        }
      }
    }
  }
}

# One role for one service and one purpose.
resource "aws_iam_role" "this" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.trust.json
  # A job that runs longer than this is stuck.
  max_session_duration = 14400
}

# Inline: the rights live and die with the role, and cannot be attached to another.
resource "aws_iam_role_policy" "this" {
  name   = var.name
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.rights.json
}

output "arn" {
  description = "The role, for whoever takes it on."
  value       = aws_iam_role.this.arn
}

output "name" {
  description = "Name of the role, for further rights."
  value       = aws_iam_role.this.name
}
