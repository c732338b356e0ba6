# Given by infra/aws' outputs, but for sizes and limits.

variable "environment" {
  description = "Name of the environment, as in infra/aws."
  type        = string
}

variable "region" {
  description = "Region, as in infra/aws."
  type        = string
}

variable "vpc_id" {
  description = "Network; output network.vpc_id of infra/aws."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets; output network.private_subnet_ids."
  type        = list(string)
}

variable "data_key_arn" {
  description = "Key of raw files and tables; output data_key_arn."
  type        = string
}

variable "operations_key_arn" {
  description = "Key of queues and logs; output operations_key_arn. It admits SQS, Lambda's logs and S3's notices."
  type        = string
}

variable "access_logs_bucket" {
  description = "Bucket of the access logs."
  type        = string
}

variable "alarm_topic_arn" {
  description = "Topic of the alarms; output alarm_topic_arn."
  type        = string
}

variable "package" {
  description = "The functions' code, made by infra/aws/fleet/package.py: bucket and key."
  type        = object({ bucket = string, key = string })
}

variable "api_url" {
  description = "Metadata API; empty where somebody else puts the files. It needs infra/aws with internet_access, or an endpoint."
  type        = string
  default     = ""
}

variable "retention_days" {
  description = "Days for which fixes stay in DynamoDB; the lake keeps them for good."
  type        = number
  default     = 90
}

variable "archive_after_days" {
  description = "Age at which raw objects of 128 KB or more move to Glacier Instant Retrieval."
  type        = number
  default     = 7
}

variable "noncurrent_days" {
  description = "How long a deleted or overwritten raw object can be brought back."
  type        = number
  default     = 14
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}

variable "memory_mb" {
  description = "Memory of a function, and with it its share of a core; docs/fleet/PERFORMANCE.md has the curve."
  type        = number
  default     = 512
}

variable "concurrency" {
  description = "Most calls at once by queue. The sum is reserved, so that no other function of the account can take it away."
  type        = object({ arrivals = number, vehicles = number, moving = number, idle = number })
  default     = { arrivals = 4, vehicles = 1, moving = 20, idle = 5 }

  validation {
    condition     = var.concurrency.vehicles == 1
    error_message = "Metadata are loaded by one call at a time: each reads what is known, and writes it back."
  }

  validation {
    condition     = min(var.concurrency.arrivals, var.concurrency.moving, var.concurrency.idle) >= 2
    error_message = "SQS hands messages to at least 2 calls at once."
  }
}

variable "peak" {
  description = "Warm functions ahead of a known peak: from when to when (cron, UTC) and how many; null for none."
  type        = object({ begins = string, ends = string, functions = number })
  default     = { begins = "cron(45 5 ? * MON-FRI *)", ends = "cron(0 10 ? * MON-FRI *)", functions = 10 }
}

variable "cache_node" {
  description = "Size of the cache's machines: vehicles and filters take about 100 MB."
  type        = string
  default     = "cache.t4g.small"
}
