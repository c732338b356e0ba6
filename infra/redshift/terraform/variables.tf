# Given by infra/aws' outputs, but for sizes and limits.

variable "environment" {
  description = "Name of the environment, as in infra/aws."
  type        = string
}

variable "region" {
  description = "Region, as in infra/aws."
  type        = string
}

variable "kind" {
  description = "`serverless` (pays by the second of queries) or `provisioned` (machines that run all day)."
  type        = string
  default     = "serverless"

  validation {
    condition     = contains(["serverless", "provisioned"], var.kind)
    error_message = "The kind is serverless or provisioned."
  }
}

variable "vpc_id" {
  description = "Network; output network.vpc_id of infra/aws."
  type        = string
}

variable "subnet_ids" {
  description = "Three private subnets; output network.private_subnet_ids."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 3
    error_message = "Redshift Serverless needs subnets in three zones."
  }
}

variable "client_security_group_ids" {
  description = "Security groups that may ask: dbt's, Airflow's, the analysts' gateway."
  type        = set(string)
}

variable "exports_bucket_arn" {
  description = "Bucket of published exports; output exports.arn."
  type        = string
}

variable "data_key_arn" {
  description = "Key of those exports; output data_key_arn."
  type        = string
}

variable "catalog_database" {
  description = "Glue database of the exports, for Spectrum."
  type        = string
}

variable "base_capacity" {
  description = "Serverless: capacity units of a query at rest; 8 is the least."
  type        = number
  default     = 8
}

variable "monthly_rpu_hours" {
  description = "Serverless: hours of one capacity unit a month, after which queries are refused."
  type        = number
  default     = 200
}

variable "node_count" {
  description = "Provisioned: number of ra3.large machines."
  type        = number
  default     = 2
}

variable "snapshot_days" {
  description = "How long snapshots are kept. A forgotten person is in them for so long."
  type        = number
  default     = 14
}
