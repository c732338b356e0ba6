"""spark-submit command.py COMMAND…: any command of Strata where only spark-submit starts things.

`jobs/<feed>.py` run a feed; maintenance, the doctor and exports come this way.
"""

import sys

from strata.cli import main

if __name__ == "__main__":
    sys.exit(main())
