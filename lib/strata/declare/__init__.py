"""What is declared: contracts, suites, layouts, feeds. Needs neither Spark, pandas nor Great
Expectations.
"""
