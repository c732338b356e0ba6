# Production: every feed on its schedule, in UTC. Residents' data stays in the United Kingdom.
environment = "prod"
region      = "eu-west-2"

# Boundaries come from the Overpass API, launches from the SpaceX API.
internet_access = true

feeds = {
  commerce  = { schedule = "cron(15 2 * * ? *)" }
  fleet     = { schedule = "cron(45 * * * ? *)" }
  launches  = { schedule = "cron(0 5 * * ? *)" }
  residents = { schedule = "cron(30 3 * * ? *)" }
  soil      = { schedule = "cron(0 4 ? * MON *)", stale_days = 0 }
}
