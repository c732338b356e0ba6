"""spark-submit jobs/residents.py [--raw DIR] [--warehouse DIR] [--as-of DATE] [--suppress-below N]:
the residents feed.
"""

import sys

from strata.cli import job

if __name__ == "__main__":
    sys.exit(job("residents"))
