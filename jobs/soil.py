"""spark-submit jobs/soil.py [--raw DIR] [--warehouse DIR] [--samples N] [--seed N] …: the soil
feed, raw to gold.
"""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("soil"))
