"""spark-submit jobs/toy.py [--raw DIR] [--warehouse DIR]: the toy feed, raw to gold."""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("toy"))
