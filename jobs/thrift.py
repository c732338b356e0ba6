"""spark-submit jobs/thrift.py [--warehouse DIR] [--port N] …: SQL over the published tables, by a
Spark Thrift server; the options of `strata sql serve`.
"""

import sys

from strata.cli import main

if __name__ == "__main__":
    sys.exit(main(["sql", "serve", *sys.argv[1:]]))
