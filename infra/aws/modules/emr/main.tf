# The EMR Serverless application: starts with the first job, stops when idle, has a hard limit.

variable "name" {
  description = "Name of the application."
  type        = string
}

variable "release_label" {
  description = "EMR release."
  type        = string
}

variable "maximum_capacity" {
  description = "The most that all jobs together may take."
  type        = object({ cpu = string, memory = string, disk = string })
}

variable "subnet_ids" {
  description = "Subnets of the workers."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group of the workers."
  type        = string
}

variable "idle_minutes" {
  description = "Minutes without a job after which the application stops, and costs nothing."
  type        = number
  default     = 15
}

# No cluster to size, patch or forget to stop: workers come with a job and go with it.
resource "aws_emrserverless_application" "this" {
  name          = var.name
  release_label = var.release_label
  type          = "SPARK"

  # A schedule needs no one to start it first.
  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = var.idle_minutes
  }

  # A runaway join ends here and not at the end of the month.
  maximum_capacity {
    cpu    = var.maximum_capacity.cpu
    memory = var.maximum_capacity.memory
    disk   = var.maximum_capacity.disk
  }

  # In the network, data goes to S3 by its gateway endpoint and nowhere else.
  network_configuration {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  # Arm workers cost a fifth less a core; the environment archive is built for the same architecture.
  architecture = "ARM64"
}

output "application_id" {
  description = "The application."
  value       = aws_emrserverless_application.this.id
}

output "application_arn" {
  description = "The application, for policies."
  value       = aws_emrserverless_application.this.arn
}
