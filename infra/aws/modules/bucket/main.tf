# A bucket that nobody outside can read: private, encrypted, versioned, over TLS only, its access logged.

variable "name" {
  description = "Name of the bucket; unique in all of AWS, so it ends with the account."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of its objects; null for S3's own key, which a target of access logs needs."
  type        = string
}

variable "is_log_target" {
  description = "Whether S3 writes access logs here."
  type        = bool
  default     = false
}

variable "log_bucket" {
  description = "Bucket of the access logs; null for the one that is their target."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "How long deleted and overwritten objects can be brought back."
  type        = number
}

variable "expire_days" {
  description = "Age at which objects are deleted; null for never."
  type        = number
  default     = null
}

variable "expire" {
  description = "The same by prefix."
  type        = map(number)
  default     = {}
}

variable "archive" {
  description = "Age in days at which objects under a prefix move to Glacier Instant Retrieval."
  type        = map(number)
  default     = {}
}

data "aws_caller_identity" "current" {}

# The bucket itself; what makes it safe stands below, resource by resource.
resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_144:Residents' data must stay in its region; docs/OPERATIONS.md tells how backups are made.
  # checkov:skip=CKV2_AWS_62:Runs list what arrived by themselves; a notice may come twice or not at all.
  # checkov:skip=CKV_AWS_145:The target of access logs cannot have a key of one's own; every other bucket has one.
  # checkov:skip=CKV_AWS_18:The target of access logs logs to nobody; every other bucket does.
  bucket = var.name
  # A bucket with tables in it is never deleted by a change of this file.
  force_destroy = false

  lifecycle {
    prevent_destroy = true
  }
}

# No policy and no list of rights can ever make it public.
resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Rights come from policies alone; object lists of rights are off.
resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# A deleted file of a table can be brought back, and a published version read again.
resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Encrypted with a key of one's own; the bucket key saves a call to KMS for each object.
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# What becomes of objects with age: nothing is deleted that a published table needs.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  # An upload that died leaves parts that no listing shows and every bill has.
  rule {
    id     = "uploads-that-died"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  # What `strata maintain` removed is gone for good after these days; so is a forgotten person.
  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Instant Retrieval: `strata run --full` reads raw and bronze again, and cannot wait hours for a restore.
  dynamic "rule" {
    for_each = var.archive

    content {
      id     = rule.key == "" ? "archive" : "archive-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        and {
          prefix = rule.key
          # A smaller object would be billed as 128 KB; commits of a table's log are smaller, and stay at hand.
          object_size_greater_than = 131072
        }
      }

      transition {
        days          = rule.value
        storage_class = "GLACIER_IR"
      }
    }
  }

  dynamic "rule" {
    for_each = merge(var.expire, var.expire_days == null ? {} : { "" = var.expire_days })

    content {
      id     = rule.key == "" ? "expire" : "expire-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  # Rules of old versions need versioning to be on.
  depends_on = [aws_s3_bucket_versioning.this]
}

# Who read which object: asked after a leak, and by those whose data it is.
resource "aws_s3_bucket_logging" "this" {
  count         = var.log_bucket == null ? 0 : 1
  bucket        = aws_s3_bucket.this.id
  target_bucket = var.log_bucket
  target_prefix = "${var.name}/"
}

data "aws_iam_policy_document" "bucket" {
  # Nothing goes over the wire in the clear, whoever asks.
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # S3's own service writes access logs, for buckets of this account.
  dynamic "statement" {
    for_each = var.is_log_target ? [1] : []

    content {
      sid       = "AccessLogs"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.this.arn}/*"]

      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }
    }
  }
}

# The policy above, put on the bucket.
resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.bucket.json

  # A policy that came before the block could be refused as public.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.id
}

output "arn" {
  description = "The bucket, for policies."
  value       = aws_s3_bucket.this.arn
}
