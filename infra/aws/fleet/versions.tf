# A state of its own: the serverless path comes and goes without a change of the lake's.
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}

# Credentials come from the caller's own role.
provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project     = "strata"
      environment = var.environment
      managed_by  = "terraform"
    }
  }
}
