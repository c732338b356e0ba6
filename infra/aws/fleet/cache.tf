# Redis keeps vehicles for an hour and the filters of what was told; losing it costs reads and no record.

# Functions reach AWS's endpoints and the cache; nothing reaches them.
resource "aws_security_group" "functions" {
  name        = "${local.name}-functions"
  description = "Functions of the serverless path"
  vpc_id      = var.vpc_id
}

# HTTPS, to the endpoints of the network.
resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.functions.id
  description       = "HTTPS to endpoints, S3 and DynamoDB; to the Internet only with a NAT gateway"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# The cache's port, to the cache alone.
resource "aws_vpc_security_group_egress_rule" "cache" {
  security_group_id            = aws_security_group.functions.id
  description                  = "Redis"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = aws_security_group.cache.id
}

# The cache answers the functions, and nobody else.
resource "aws_security_group" "cache" {
  name        = "${local.name}-cache"
  description = "Cache of the serverless path"
  vpc_id      = var.vpc_id
}

# From the functions only.
resource "aws_vpc_security_group_ingress_rule" "cache" {
  security_group_id            = aws_security_group.cache.id
  description                  = "Redis from the functions"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = aws_security_group.functions.id
}

# Private subnets of the lake's network.
resource "aws_elasticache_subnet_group" "cache" {
  name       = local.name
  subnet_ids = var.subnet_ids
}

# A second machine takes over when the first dies: without a cache every record's vehicle costs a read.
resource "aws_elasticache_replication_group" "cache" {
  # checkov:skip=CKV_AWS_31:TLS and a security group of the functions alone stand before it; it holds no secret and no person.
  replication_group_id       = local.name
  description                = "Vehicles, and filters of what was told"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.cache_node
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  kms_key_id                 = var.data_key_arn
  subnet_group_name          = aws_elasticache_subnet_group.cache.name
  security_group_ids         = [aws_security_group.cache.id]
}
