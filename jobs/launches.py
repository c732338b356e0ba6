"""spark-submit jobs/launches.py [--raw DIR] [--warehouse DIR]: the launches feed, raw to gold."""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("launches"))
