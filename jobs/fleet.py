"""spark-submit jobs/fleet.py [--raw DIR] [--warehouse DIR] [--day-zone ZONE] …: the fleet
feed, raw to gold.
"""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("fleet"))
