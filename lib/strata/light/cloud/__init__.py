"""The serverless path's functions on S3, SQS, DynamoDB and Redis."""
