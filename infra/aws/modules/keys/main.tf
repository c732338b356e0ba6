# One KMS key with its alias, rotated each year.

variable "name" {
  description = "Alias of the key."
  type        = string
}

variable "description" {
  description = "What the key protects."
  type        = string
}

variable "account" {
  description = "Account whose administrators hold the key."
  type        = string
}

variable "services" {
  description = "AWS services that encrypt with it on their own account, e.g. logs.eu-west-2.amazonaws.com."
  type        = list(string)
  default     = []
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:A key policy's resource "*" is the key itself; AWS knows no other spelling.
  # checkov:skip=CKV_AWS_111:A key policy's resource "*" is the key itself.
  # checkov:skip=CKV_AWS_356:A key policy's resource "*" is the key itself.

  # Without the account's own hold on it, a key whose users were deleted could never be managed again.
  statement {
    sid = "AccountAdministers"
    actions = [
      "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:DeleteAlias", "kms:DescribeKey",
      "kms:DisableKey", "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
      "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant",
      "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
      "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
    ]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account}:root"]
    }
  }

  # Only for resources of this account: a service acts for many.
  dynamic "statement" {
    for_each = length(var.services) > 0 ? [1] : []

    content {
      sid       = "ServicesEncrypt"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = var.services
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account]
      }
    }
  }
}

# Rotated each year; older material stays, so nothing needs to be encrypted again.
resource "aws_kms_key" "this" {
  description             = var.description
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

# People and policies name the alias; a key's own id says nothing.
resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

output "arn" {
  description = "The key, for policies and resources."
  value       = aws_kms_key.this.arn
}
