# Roles of EMR on EC2: one for the service, which starts machines, and one for the machines, which run the job.

variable "name" {
  description = "First part of the names."
  type        = string
}

variable "account" {
  description = "Account whose clusters these are."
  type        = string
}

variable "raw_arn" {
  description = "Bucket of the raw files."
  type        = string
}

variable "warehouse_arn" {
  description = "Bucket of the tables."
  type        = string
}

variable "exports_arn" {
  description = "Bucket of the published copies."
  type        = string
}

variable "artifacts_arn" {
  description = "Bucket of jobs, environment, jars and logs."
  type        = string
}

variable "data_key_arn" {
  description = "Key of those buckets."
  type        = string
}

# What a job may do, as on EMR Serverless; but no secret: a feed of persons does not run here.
module "machines" {
  source  = "../roles"
  name    = "${var.name}-emr-machines"
  service = "ec2.amazonaws.com"
  account = null
  statements = {
    ListBuckets = {
      actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
      resources = [var.raw_arn, var.warehouse_arn, var.exports_arn, var.artifacts_arn]
    }
    ReadRawFilesAndCode = {
      actions   = ["s3:GetObject"]
      resources = ["${var.raw_arn}/*", "${var.artifacts_arn}/*"]
    }
    # A downloaded file is kept beside the raw files, for its hash to be known again.
    KeepDownloads = {
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${var.raw_arn}/*"]
    }
    WriteTables = {
      actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      resources = ["${var.warehouse_arn}/*", "${var.exports_arn}/*"]
    }
    WriteLogs = {
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${var.artifacts_arn}/logs/*"]
    }
    UseDataKey = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.data_key_arn]
    }
  }
}

# How a machine of EC2 gets the role.
resource "aws_iam_instance_profile" "machines" {
  name = "${var.name}-emr-machines"
  role = module.machines.name
}

# The service may hand this one role to the machines that it starts, and no other.
module "service" {
  source  = "../roles"
  name    = "${var.name}-emr-service"
  service = "elasticmapreduce.amazonaws.com"
  account = var.account
  statements = {
    PassMachinesRole = {
      actions    = ["iam:PassRole"]
      resources  = [module.machines.arn]
      conditions = { StringEquals = { "iam:PassedToService" = ["ec2.amazonaws.com"] } }
    }
  }
}

# AWS's own policy for the rest: machines, disks and security groups, in networks that bear EMR's tag only.
resource "aws_iam_role_policy_attachment" "service" {
  role       = module.service.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"
}

output "instance_profile" {
  description = "Profile of the machines; STRATA_EMR_INSTANCE_PROFILE."
  value       = aws_iam_instance_profile.machines.name
}

output "service_role" {
  description = "Role of the service; STRATA_EMR_SERVICE_ROLE."
  value       = module.service.arn
}
