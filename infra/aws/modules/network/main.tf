# A network without a way in: private subnets, and private endpoints of the AWS services that jobs call.

variable "name" {
  description = "First part of the names."
  type        = string
}

variable "region" {
  description = "Region, for the endpoints' names."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network, a /16."
  type        = string
}

variable "zones" {
  description = "Letters of the availability zones, named so that a new zone of AWS moves nothing."
  type        = list(string)
}

variable "internet_access" {
  description = "Whether jobs may reach the Internet, through one NAT gateway."
  type        = bool
}

variable "emr_on_ec2" {
  description = "Whether EMR on EC2 may start machines here; its own policy asks for a tag on the network."
  type        = bool
}

variable "interface_points" {
  description = "Services that have an endpoint here, so that their traffic stays in the network."
  type        = set(string)
}

variable "logs_key_arn" {
  description = "Key of the flow logs."
  type        = string
}

variable "log_retention" {
  description = "Days for which flow logs are kept."
  type        = number
}

data "aws_caller_identity" "current" {}

locals {
  # AmazonEMRServicePolicy_v2 starts machines in networks with this tag, and in no other.
  emr_tags = var.emr_on_ec2 ? { "for-use-with-amazon-emr-managed-policies" = "true" } : {}
}

# A network of its own: nothing else is in it, so that a rule of it concerns jobs alone.
resource "aws_vpc" "this" {
  cidr_block = var.cidr
  # Endpoints are found by the services' usual names.
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(local.emr_tags, { Name = var.name })
}

# A resource that names no security group of its own gets this one: nothing in, nothing out.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
}

# Jobs run here; no address of these subnets is public.
resource "aws_subnet" "private" {
  count                   = length(var.zones)
  vpc_id                  = aws_vpc.this.id
  availability_zone       = "${var.region}${var.zones[count.index]}"
  cidr_block              = cidrsubnet(var.cidr, 4, count.index)
  map_public_ip_on_launch = false
  tags                    = merge(local.emr_tags, { Name = "${var.name}-private-${count.index}" })
}

# Each zone has a route table, so that one may be given another way out.
resource "aws_route_table" "private" {
  count  = length(var.zones)
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private-${count.index}" }
}

# Ties each subnet to the routes of its zone.
resource "aws_route_table_association" "private" {
  count          = length(var.zones)
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[count.index].id
}

# --- the way out, if there is one ------------------------------------------------------------------

# The NAT gateway alone stands here.
resource "aws_subnet" "public" {
  count                   = var.internet_access ? 1 : 0
  vpc_id                  = aws_vpc.this.id
  availability_zone       = "${var.region}${var.zones[0]}"
  cidr_block              = cidrsubnet(var.cidr, 4, 15)
  map_public_ip_on_launch = false
  tags                    = { Name = "${var.name}-public" }
}

# The way to the Internet, for the NAT gateway alone.
resource "aws_internet_gateway" "this" {
  count  = var.internet_access ? 1 : 0
  vpc_id = aws_vpc.this.id
}

# One fixed address, which a supplier of raw files can let in.
resource "aws_eip" "nat" {
  # checkov:skip=CKV2_AWS_19:The address belongs to the NAT gateway below, not to a machine.
  count  = var.internet_access ? 1 : 0
  domain = "vpc"
}

# One gateway for all zones: downloads may wait for a broken zone, and a gateway a zone costs three times as much.
resource "aws_nat_gateway" "this" {
  count         = var.internet_access ? 1 : 0
  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.public[0].id
}

# Routes of the NAT gateway's subnet.
resource "aws_route_table" "public" {
  count  = var.internet_access ? 1 : 0
  vpc_id = aws_vpc.this.id
}

# Out by the Internet gateway.
resource "aws_route" "public" {
  count                  = var.internet_access ? 1 : 0
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

# Ties the public subnet to those routes.
resource "aws_route_table_association" "public" {
  count          = var.internet_access ? 1 : 0
  subnet_id      = aws_subnet.public[0].id
  route_table_id = aws_route_table.public[0].id
}

# Jobs go out by the NAT gateway; nothing comes in by it.
resource "aws_route" "out" {
  count                  = var.internet_access ? length(var.zones) : 0
  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

# --- security groups -------------------------------------------------------------------------------

# Jobs talk to each other and to HTTPS; nobody talks to them.
resource "aws_security_group" "jobs" {
  # checkov:skip=CKV2_AWS_5:Attached by the module emr, and by the other doors.
  name        = "${var.name}-jobs"
  description = "Strata's jobs"
  vpc_id      = aws_vpc.this.id
}

# Driver and executors call each other on ports of their choice.
resource "aws_vpc_security_group_ingress_rule" "jobs_among_themselves" {
  security_group_id            = aws_security_group.jobs.id
  description                  = "Driver and executors, on any port"
  ip_protocol                  = "-1"
  referenced_security_group_id = aws_security_group.jobs.id
}

# The same, from the side that calls.
resource "aws_vpc_security_group_egress_rule" "jobs_among_themselves" {
  security_group_id            = aws_security_group.jobs.id
  description                  = "Driver and executors, on any port"
  ip_protocol                  = "-1"
  referenced_security_group_id = aws_security_group.jobs.id
}

# HTTPS: to the endpoints, to S3 by its gateway, and to the Internet where there is a way out at all.
resource "aws_vpc_security_group_egress_rule" "jobs_https" {
  security_group_id = aws_security_group.jobs.id
  description       = "HTTPS to endpoints and S3; to the Internet only with a NAT gateway"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# Endpoints answer this network, and nobody else.
resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Endpoints of AWS services"
  vpc_id      = aws_vpc.this.id
}

# The endpoints speak HTTPS only.
resource "aws_vpc_security_group_ingress_rule" "endpoints_https" {
  security_group_id = aws_security_group.endpoints.id
  description       = "HTTPS from this network"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = var.cidr
}

# --- endpoints -------------------------------------------------------------------------------------

data "aws_iam_policy_document" "own_account" {
  # checkov:skip=CKV_AWS_283:An endpoint's policy limits what goes through it; who may ask is said by roles and buckets.

  # Whoever got into a job could otherwise copy data to a bucket of their own through our endpoint.
  statement {
    sid       = "OwnAccountOnly"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketLocation", "s3:AbortMultipartUpload"]
    resources = ["arn:aws:s3:::*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  # What EMR fetches from buckets of AWS: packages of Amazon Linux 2023, of EMR, and of its releases from 8.0 on.
  statement {
    sid     = "EmrRepositories"
    actions = ["s3:GetObject"]
    resources = [
      "arn:aws:s3:::al2023-repos-${var.region}-de612dc2/*",
      "arn:aws:s3:::repo.${var.region}.emr.amazonaws.com/*",
      "arn:aws:s3:::aws157-instance-data-0-prod-${var.region}/*",
      "arn:aws:s3:::aws157-instance-data-1-prod-${var.region}/*",
    ]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
  }
}

# S3 by the routes of the network: free, and the bulk of all traffic.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = aws_route_table.private[*].id
  policy            = data.aws_iam_policy_document.own_account.json
}

# The serverless path's state, likewise.
resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.dynamodb"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = aws_route_table.private[*].id
}

# The other services, by addresses of this network.
resource "aws_vpc_endpoint" "interface" {
  for_each            = var.interface_points
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints.id]
}

# --- flow logs -------------------------------------------------------------------------------------

# Who talked to whom: the first question after an incident.
resource "aws_cloudwatch_log_group" "flow" {
  name              = "/strata/${var.name}/flow"
  retention_in_days = var.log_retention
  kms_key_id        = var.logs_key_arn
}

module "flow_role" {
  source  = "../roles"
  name    = "${var.name}-flow-logs"
  service = "vpc-flow-logs.amazonaws.com"
  account = data.aws_caller_identity.current.account_id
  statements = {
    WriteFlowLogs = {
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
      resources = ["${aws_cloudwatch_log_group.flow.arn}:*"]
    }
  }
}

# Refused traffic too: it is what a probe looks like.
resource "aws_flow_log" "this" {
  vpc_id          = aws_vpc.this.id
  traffic_type    = "ALL"
  log_destination = aws_cloudwatch_log_group.flow.arn
  iam_role_arn    = module.flow_role.arn
}

output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets of the jobs, one a zone."
  value       = aws_subnet.private[*].id
}

output "jobs_security_group_id" {
  description = "Security group of the jobs."
  value       = aws_security_group.jobs.id
}

output "endpoints_security_group_id" {
  description = "Security group of the endpoints."
  value       = aws_security_group.endpoints.id
}
