# State lies in a bucket that each environment names: terraform init -backend-config=environments/dev.backend
terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  backend "s3" {
    # The lock is an object of the same bucket; no table is needed for it.
    use_lockfile = true
    # A state file holds addresses and policies.
    encrypt = true
  }
}

# Credentials come from the caller's own role; none is ever named here.
provider "aws" {
  region = var.region

  # What a bill and an inventory are grouped by.
  default_tags {
    tags = {
      project     = "strata"
      environment = var.environment
      managed_by  = "terraform"
    }
  }
}
