# Redshift beside the lake: published exports are copied in, dbt builds marts, analysts ask.

data "aws_caller_identity" "current" {}

locals {
  name    = "strata-${var.environment}"
  account = data.aws_caller_identity.current.account_id
  # The workgroup, or the cluster and its one database.
  databases = concat(
    [for group in aws_redshiftserverless_workgroup.this : group.arn],
    [for cluster in aws_redshift_cluster.this : cluster.arn],
    [for cluster in aws_redshift_cluster.this : "arn:aws:redshift:${var.region}:${local.account}:dbname:${cluster.cluster_identifier}/strata"],
  )
}

# A key of its own: who administers Redshift need not be able to read the lake.
module "key" {
  source      = "../../aws/modules/keys"
  name        = "${local.name}-redshift"
  description = "Strata in Redshift: data, snapshots, password, audit logs"
  account     = local.account
  services    = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com", "logs.${var.region}.amazonaws.com"]
}

# COPY reads exports and nothing else of the lake; Spectrum reads their catalog. UNLOAD writes to one place: what
# `strata load --check` compares, below checks/ of each export.
module "copy_role" {
  source  = "../../aws/modules/roles"
  name    = "${local.name}-redshift-copy"
  service = "redshift.amazonaws.com"
  account = local.account
  statements = {
    ListExports = {
      actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
      resources = [var.exports_bucket_arn]
    }
    ReadExports = {
      actions   = ["s3:GetObject"]
      resources = ["${var.exports_bucket_arn}/*"]
    }
    WriteChecks = {
      actions   = ["s3:PutObject"]
      resources = ["${var.exports_bucket_arn}/*/checks/*"]
    }
    DecryptExports = {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.data_key_arn]
    }
    ReadCatalog = {
      actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
      resources = [
        "arn:aws:glue:${var.region}:${local.account}:catalog",
        "arn:aws:glue:${var.region}:${local.account}:database/${var.catalog_database}",
        "arn:aws:glue:${var.region}:${local.account}:table/${var.catalog_database}/*",
      ]
    }
  }
}

# What `strata load` may do: run statements here, and see how its own ended. Attached to whoever runs it, e.g. the role of
# jobs in infra/aws.
resource "aws_iam_policy" "load" {
  name        = "${local.name}-redshift-load"
  description = "Load exports into Redshift by its Data API"
  policy      = data.aws_iam_policy_document.load.json
}

data "aws_iam_policy_document" "load" {
  statement {
    sid       = "RunStatements"
    actions   = ["redshift-data:ExecuteStatement", "redshift-data:BatchExecuteStatement"]
    resources = local.databases
  }

  statement {
    sid       = "Connect"
    actions   = ["redshift-serverless:GetCredentials", "redshift:GetClusterCredentialsWithIAM"]
    resources = local.databases
  }

  # Everybody sees their own statements only.
  statement {
    sid = "SeeOwnStatements"
    actions = [
      "redshift-data:DescribeStatement",
      "redshift-data:GetStatementResult",
      "redshift-data:CancelStatement",
    ]
    resources = local.databases

    condition {
      test     = "StringEquals"
      variable = "redshift-data:statement-owner-iam-userid"
      values   = ["$${aws:userid}"]
    }
  }
}

# Reached from the named groups alone; it calls nobody but the endpoints of the network.
resource "aws_security_group" "this" {
  name        = "${local.name}-redshift"
  description = "Strata's Redshift"
  vpc_id      = var.vpc_id
}

# Clients ask on Redshift's one port.
resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each                     = var.client_security_group_ids
  security_group_id            = aws_security_group.this.id
  description                  = "SQL from ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = 5439
  to_port                      = 5439
  referenced_security_group_id = each.key
}

# S3, KMS and the catalog speak HTTPS.
resource "aws_vpc_security_group_egress_rule" "endpoints" {
  security_group_id = aws_security_group.this.id
  description       = "HTTPS to the network's endpoints and S3's gateway"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# --- serverless ------------------------------------------------------------------------------------

# Users, data and password; AWS makes the password and keeps it in Secrets Manager, no state file has it.
resource "aws_redshiftserverless_namespace" "this" {
  count                 = var.kind == "serverless" ? 1 : 0
  namespace_name        = local.name
  db_name               = "strata"
  admin_username        = "strata_admin"
  manage_admin_password = true

  admin_password_secret_kms_key_id = module.key.arn
  kms_key_id                       = module.key.arn
  iam_roles                        = [module.copy_role.arn]
  default_iam_role_arn             = module.copy_role.arn
  # Who connected, who changed rights, and which statements ran.
  log_exports = ["connectionlog", "userlog", "useractivitylog"]
}

# The computing; private, and by the network's own routes to S3.
resource "aws_redshiftserverless_workgroup" "this" {
  count                = var.kind == "serverless" ? 1 : 0
  workgroup_name       = local.name
  namespace_name       = aws_redshiftserverless_namespace.this[0].namespace_name
  base_capacity        = var.base_capacity
  publicly_accessible  = false
  enhanced_vpc_routing = true
  subnet_ids           = var.subnet_ids
  security_group_ids   = [aws_security_group.this.id]

  # Passwords and rows never go in the clear.
  config_parameter {
    parameter_key   = "require_ssl"
    parameter_value = "true"
  }

  config_parameter {
    parameter_key   = "enable_user_activity_logging"
    parameter_value = "true"
  }
}

# A query that never ends is dear here: past the limit, further ones are refused until the month is over.
resource "aws_redshiftserverless_usage_limit" "this" {
  count         = var.kind == "serverless" ? 1 : 0
  resource_arn  = aws_redshiftserverless_workgroup.this[0].arn
  usage_type    = "serverless-compute"
  amount        = var.monthly_rpu_hours
  period        = "monthly"
  breach_action = "deactivate"
}

# --- provisioned -----------------------------------------------------------------------------------

# The three private subnets, as the cluster asks for them.
resource "aws_redshift_subnet_group" "this" {
  count      = var.kind == "provisioned" ? 1 : 0
  name       = local.name
  subnet_ids = var.subnet_ids
}

# The same two rules as above: TLS, and a record of each statement.
resource "aws_redshift_parameter_group" "this" {
  count  = var.kind == "provisioned" ? 1 : 0
  name   = local.name
  family = "redshift-1.0"

  parameter {
    name  = "require_ssl"
    value = "true"
  }

  parameter {
    name  = "enable_user_activity_logging"
    value = "true"
  }
}

# Machines that run all day: cheaper than serverless from some eight busy hours a day on.
resource "aws_redshift_cluster" "this" {
  # checkov:skip=CKV_AWS_343:Snapshots are kept for var.snapshot_days, 14 by default, which checkov does not see.
  count                             = var.kind == "provisioned" ? 1 : 0
  cluster_identifier                = local.name
  database_name                     = "strata"
  node_type                         = "ra3.large"
  cluster_type                      = var.node_count > 1 ? "multi-node" : "single-node"
  number_of_nodes                   = var.node_count
  master_username                   = "strata_admin"
  manage_master_password            = true
  master_password_secret_kms_key_id = module.key.arn

  encrypted            = true
  kms_key_id           = module.key.arn
  publicly_accessible  = false
  enhanced_vpc_routing = true

  cluster_subnet_group_name    = aws_redshift_subnet_group.this[0].name
  cluster_parameter_group_name = aws_redshift_parameter_group.this[0].name
  vpc_security_group_ids       = [aws_security_group.this.id]
  iam_roles                    = [module.copy_role.arn]
  default_iam_role_arn         = module.copy_role.arn

  automated_snapshot_retention_period = var.snapshot_days
  allow_version_upgrade               = true
  # A cluster that is deleted leaves its last state.
  skip_final_snapshot       = false
  final_snapshot_identifier = "${local.name}-final"
}

# Connections, users and statements, to CloudWatch.
resource "aws_redshift_logging" "this" {
  count                = var.kind == "provisioned" ? 1 : 0
  cluster_identifier   = aws_redshift_cluster.this[0].id
  log_destination_type = "cloudwatch"
  log_exports          = ["connectionlog", "userlog", "useractivitylog"]
}
