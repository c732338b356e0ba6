# Every value that differs between environments; environments/*.tfvars holds them.

variable "environment" {
  description = "Name of the environment; the first part of every resource's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "An environment is 2 to 10 lower-case letters and digits: bucket names are made of it."
  }
}

variable "region" {
  description = "AWS region of everything; residents' data must not leave it."
  type        = string
}

variable "feeds" {
  description = "Feeds that run on a schedule: when (a schedule expression, in UTC), with which further options of `strata run`, and after how many days without a good run it is stale (0: no such alarm)."
  type = map(object({
    schedule   = string
    arguments  = optional(list(string), [])
    stale_days = optional(number, 2)
  }))

  validation {
    condition     = alltrue([for job in values(var.feeds) : job.stale_days >= 0 && job.stale_days <= 6])
    error_message = "CloudWatch looks back seven days, the running one among them: stale_days is 0 to 6, and 0 for a weekly feed."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the network; must not overlap networks that it is to be joined to."
  type        = string
  default     = "10.40.0.0/16"
}

variable "zones" {
  description = "Letters of the availability zones; each has an endpoint of every service, the dearest thing that stands still. Two at least for a managed Airflow, three for Redshift Serverless."
  type        = list(string)
  default     = ["a", "b", "c"]
}

variable "internet_access" {
  description = "Whether jobs may reach the Internet through a NAT gateway: only feeds that download by web address need it."
  type        = bool
  default     = false
}

variable "archive_after_days" {
  description = "Age at which raw and bronze objects of 128 KB or more move to Glacier Instant Retrieval."
  type        = number
  default     = 7
}

variable "maintenance_every_days" {
  description = "How often `strata maintain` compacts small objects; more often than they are archived, for an archived object is billed as 128 KB at least."
  type        = number
  default     = 3

  validation {
    condition     = var.maintenance_every_days < var.archive_after_days
    error_message = "Maintenance must run before objects are archived: maintenance_every_days must be less than archive_after_days."
  }
}

variable "noncurrent_days" {
  description = "How long a deleted or overwritten object can be brought back. Erasure of a person is complete only after these days."
  type        = number
  default     = 14
}

variable "release_label" {
  description = "EMR release: the one with Spark 4.0, for which Sedona has a jar (docs/OPERATIONS.md)."
  type        = string
  default     = "emr-spark-8.0.0"
}

variable "emr_on_ec2" {
  description = "Whether clusters of EMR on EC2 may be made too (infra/emr/ec2.py): their roles, and a network that admits them."
  type        = bool
  default     = false
}

variable "maximum_capacity" {
  description = "The most that all jobs together may take; a runaway job ends here."
  type        = object({ cpu = string, memory = string, disk = string })
  default     = { cpu = "64 vCPU", memory = "256 GB", disk = "1000 GB" }
}

variable "alarm_emails" {
  description = "Who is told when a job fails or a schedule does not start; each address confirms once."
  type        = set(string)
  default     = []
}

variable "orchestrator" {
  description = "What starts jobs: `eventbridge` schedules, or `airflow` for a managed Airflow with the DAGs of infra/airflow."
  type        = string
  default     = "eventbridge"

  validation {
    condition     = contains(["eventbridge", "airflow"], var.orchestrator)
    error_message = "The orchestrator is eventbridge or airflow."
  }
}

variable "airflow_version" {
  description = "Airflow of the managed environment; the DAGs run on 3.0 and later."
  type        = string
  default     = "3.0.6"
}

variable "pseudonym_key_id" {
  description = "Name of the pseudonym key in use: pseudonyms made by another key are not compared with its own."
  type        = string
  default     = "2026"
}

variable "log_retention_days" {
  description = "How long job logs are kept. They hold no personal values, and long enough a time to explain a figure."
  type        = number
  default     = 365
}
