#!/bin/sh
# moto's DynamoDB keeps numbers as they were typed: it takes those that AWS refuses, and holds one
# number twice in a set. Found with moto 5.2.5; exits non-zero if that changes.
#
# Expected: the DynamoDB Developer Guide, "Data types", Number: "Numbers can have up to 38 digits of
# precision. Exceeding this results in an exception", and "Leading and trailing zeroes are trimmed".
# Of sets: "Each value within a set must be unique".
# Seen: 43 digits are stored, "007" comes back as "007", "+5" as "+5", 1.10 as 1.10, and the number
# set {1, 1.0} has two members. A test on moto passes where the real service raises or answers "7".
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "moto[dynamodb]==5.2.5" "boto3==1.44.5"
cd "$work"
AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION=eu-west-1 \
    "$work/venv/bin/python" - <<'PYTHON'
import sys

import boto3
import moto

print("moto", moto.__version__)
with moto.mock_aws():
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def stored(value):
        key = {"id": {"S": "a"}}
        dynamodb.put_item(TableName="t", Item=key | {"value": value})
        return dynamodb.get_item(TableName="t", Key=key)["Item"]["value"]

    asked = [{"N": text} for text in ("1234567890" * 4 + "123", "007", "+5", "1.10")]
    asked.append({"NS": ["1", "1.0"]})
    found = [stored(value) for value in asked]
for value, back in zip(asked, found):
    print(f"put {value}, got {back}")
if found != asked:
    sys.exit("the behaviour has changed")
PYTHON
