# What infra/emr/submit.py, infra/airflow and the other doors' Terraform ask for.

output "application_id" {
  description = "EMR Serverless application that runs the jobs; STRATA_EMR_APPLICATION of submit.py."
  value       = module.emr.application_id
}

output "job_role_arn" {
  description = "Role under which jobs run; STRATA_EMR_ROLE of submit.py."
  value       = module.job_role.arn
}

output "submit" {
  description = "What infra/emr/submit.py asks for, as a shell's exports: eval \"$(terraform output -raw submit)\""
  value = join("\n", [for name, value in {
    STRATA_EMR_APPLICATION  = module.emr.application_id
    STRATA_EMR_ROLE         = module.job_role.arn
    STRATA_ARTIFACTS        = "s3://${module.artifacts.name}"
    STRATA_RAW              = "s3://${module.raw.name}"
    STRATA_WAREHOUSE        = "s3://${module.warehouse.name}"
    STRATA_SECRET           = aws_secretsmanager_secret.pseudonym_key.name
    STRATA_PSEUDONYM_KEY_ID = var.pseudonym_key_id
    # The driver's lines are printed as they come.
    STRATA_LOG_GROUP = module.monitoring.job_log_group_name
  } : "export ${name}='${value}'"])
}

output "cluster" {
  description = "What infra/emr/ec2.py asks for besides, likewise; empty without emr_on_ec2."
  value = join("\n", [for name, value in var.emr_on_ec2 ? {
    STRATA_EMR_INSTANCE_PROFILE = module.cluster[0].instance_profile
    STRATA_EMR_SERVICE_ROLE     = module.cluster[0].service_role
    STRATA_EMR_SUBNET           = module.network.private_subnet_ids[0]
  } : {} : "export ${name}='${value}'"])
}

output "raw" {
  description = "Address of the raw files; STRATA_RAW."
  value       = "s3://${module.raw.name}"
}

output "warehouse" {
  description = "Address of the tables; STRATA_WAREHOUSE."
  value       = "s3://${module.warehouse.name}"
}

output "artifacts" {
  description = "Where package.py puts jobs, environment and jars; STRATA_ARTIFACTS."
  value       = "s3://${module.artifacts.name}"
}

output "exports" {
  description = "Bucket of published copies, which Redshift copies from."
  value       = { name = module.exports.name, arn = module.exports.arn }
}

output "data_key_arn" {
  description = "Key that decrypts raw files, tables and exports."
  value       = module.data_key.arn
}

output "operations_key_arn" {
  description = "Key of logs, notices and queues."
  value       = module.operations_key.arn
}

output "network" {
  description = "Network that the other doors join."
  value = {
    vpc_id                 = module.network.vpc_id
    private_subnet_ids     = module.network.private_subnet_ids
    jobs_security_group_id = module.network.jobs_security_group_id
  }
}

output "alarm_topic_arn" {
  description = "Topic to which every alarm goes."
  value       = module.monitoring.topic_arn
}

output "access_logs_bucket" {
  description = "Bucket of the other buckets' access logs."
  value       = module.access_logs.name
}
