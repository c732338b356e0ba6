"""spark-submit jobs/people.py: the people feed of the tests."""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("people"))
