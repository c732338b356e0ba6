"""The serverless path: the suites' rules of rows on plain values. Needs neither Spark, pandas nor
Great Expectations.
"""
