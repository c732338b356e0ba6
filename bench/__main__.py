"""`python -m bench [NAME] [--rows N] [--rounds N]`: runs one benchmark, or all."""

from __future__ import annotations

import argparse

from bench import gate

BENCHMARKS = {"gate": gate.main}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS), help="default: all")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name in [arguments.name] if arguments.name else sorted(BENCHMARKS):
        BENCHMARKS[name](arguments.rows, arguments.rounds)


if __name__ == "__main__":
    main()
