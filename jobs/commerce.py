"""spark-submit jobs/commerce.py [--raw DIR] [--warehouse DIR]: the commerce feed, raw to gold."""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("commerce"))
