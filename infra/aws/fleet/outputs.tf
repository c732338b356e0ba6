# What `strata light redrive`, `replay` and `reconcile` take from the environment.

output "environment" {
  description = "STRATA_FLEET_… of the commands and functions."
  value       = local.environment
}

output "raw" {
  description = "Bucket of the raw files, below fleet/events and fleet/vehicles."
  value       = module.raw.name
}

output "functions" {
  description = "The functions, by task."
  value       = { for name, function in local.functions : name => function.arn }
}
