output "copy_role_arn" {
  description = "Role that COPY names."
  value       = module.copy_role.arn
}

output "load_policy_arn" {
  description = "Policy for whoever runs `strata load`: the role of jobs, or Airflow's."
  value       = aws_iam_policy.load.arn
}

output "security_group_id" {
  description = "Group of Redshift, for clients' rules."
  value       = aws_security_group.this.id
}

output "endpoint" {
  description = "Where dbt connects: STRATA_REDSHIFT_HOST."
  value       = var.kind == "serverless" ? aws_redshiftserverless_workgroup.this[0].endpoint[0].address : aws_redshift_cluster.this[0].dns_name
}
