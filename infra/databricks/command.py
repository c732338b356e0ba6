"""A command of Strata as a task of Databricks: command.py run soil --raw … --warehouse …

A Python file and not the wheel's entry point: there the returned exit code would be ignored, and a
gate's no would show as success. A raised exit code other than 0 fails the task, and names itself.
"""

import sys

from strata.cli import main

if __name__ == "__main__":
    code = main(sys.argv[1:])
    if code:
        sys.exit(code)
