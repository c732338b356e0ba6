# Development: nothing runs by itself, and mistakes cost little.
environment        = "dev"
region             = "eu-west-2"
log_retention_days = 30
maximum_capacity   = { cpu = "16 vCPU", memory = "64 GB", disk = "200 GB" }

feeds = {
  launches = { schedule = "rate(30 days)", stale_days = 0 }
}
