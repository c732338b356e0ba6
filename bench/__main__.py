"""`python -m bench [NAME] [--rows N] [--rounds N]`: runs one benchmark, or all."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from bench import commerce, commits, gate, sql

BENCHMARKS = (
    "commits", "export", "gate", "shop", "shop-api",
    "shop-samples", "sql", "sql-opening",
)  # fmt: skip
# These have options of their own: `python -m bench soil --help`.
OWN = {
    "aims": "aims",
    "commerce": "commerce", "fleet": "fleet", "light": "light", "log-growth": "log_growth",
    "profile": "profile_run", "residents": "residents", "scale-out": "scale_out",
    "small-runs": "small_runs",
    "soil": "soil", "soil-compactness": "soil_compactness",
}  # fmt: skip


def main() -> None:
    if sys.argv[1:] and sys.argv[1] in OWN:
        importlib.import_module(f"bench.{OWN[sys.argv[1]]}").command(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "name",
        nargs="?",
        choices=sorted(BENCHMARKS),
        help=f"default: all; {', '.join(OWN)} have options of their own (NAME --help)",
    )
    parser.add_argument("--rows", type=int, default=20_000_000, help="of the gate's table")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of commerce: 1 is 20 million order lines"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warehouse", default="warehouse", help="of sql: the samples, published")
    parser.add_argument("--jdbc", action="store_true", help="of shop: Spark's JDBC writer besides")
    parser.add_argument("--clients", type=int, default=8, help="of shop-api: who ask at once")
    parser.add_argument("--workers", type=int, default=2, help="of shop-api: its processes")
    arguments = parser.parse_args()
    if arguments.name in (None, "gate"):
        gate.main(arguments.rows, arguments.rounds)
    if arguments.name in (None, "sql"):
        sql.main(arguments.warehouse, arguments.rounds)
    if arguments.name == "sql-opening":
        from bench import sql_opening

        sql_opening.main(arguments.warehouse, arguments.rounds)
    if arguments.name in (None, "commits"):
        commits.main()
    if arguments.name is None:
        commerce.main(arguments.scale, arguments.rounds)
    if arguments.name == "export":
        # Needs what tests publish by, and a gigabyte on the disk.
        from bench import export

        export.main(min(arguments.rows, 1_000_000), arguments.rounds)
    if arguments.name == "shop":
        # Needs PostgreSQL's server, which the others do not.
        from bench import shop

        shop.main(arguments.rows, arguments.rounds, arguments.jdbc)
    if arguments.name == "shop-api":
        from bench import shop_api

        shop_api.main(arguments.rows, arguments.clients, arguments.workers)
    if arguments.name == "shop-samples":
        from bench import shop_samples

        shop_samples.main(Path("samples/shop"))


if __name__ == "__main__":
    main()
