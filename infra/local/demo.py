"""The shop from raw files to an API, in one command: `make demo`.

Runs the made-up shop of `samples/shop` into a warehouse of its own, starts a PostgreSQL and the
API on loopback, asks four
questions, takes a decision on a product, and says where to click. Ctrl-C ends it. Everything lies
in `demo/`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

WIDTH = 140
ROOT = Path(__file__).resolve().parents[2]
SHOP = ("silver.commerce_*", "gold.commerce_*")
QUESTIONS = {
    "Which products sell best?": "{ bestSellers(first: 3) "
    "{ rank currency units revenue product { name category { path } } } }",
    "What was sold in the last months?": '{ salesTrends(fromDate: "2024-10-01") '
    "{ periodStart orders units revenue } }",
    "What did customer 1 buy?": '{ customer(customerId: "1") { country '
    "values { currency lifetimeValue } orders(first: 2) { nodes { orderDate status revenue "
    "items { quantity product { name } } } } } }",
    "Which products brought most in a month?": "{ productSales(orderBy: REVENUE, first: 3) "
    "{ nodes { periodStart revenue product { name } } pageInfo { hasNextPage publication } } }",
}
PRODUCT = '{ product(productId: "1") { name listPrice version } }'
UPDATE = """mutation Change($change: ProductChange!) {
  updateProduct(change: $change) { decisionId decidedBy changes { field was becomes } takenIn } }"""


def main() -> int:
    """Runs the demo; with --once it ends after the last answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="demo", help="where everything lies (default: demo)")
    parser.add_argument("--once", action="store_true", help="end after the last answer")
    options = parser.parse_args()
    folder = Path(options.folder).absolute()
    folder.mkdir(exist_ok=True)
    run_feed(folder)
    serve(folder, options.once)
    return 0


def run_feed(folder: Path) -> None:
    """Raw files to published tables; a second demo finds nothing new to do."""
    raw = folder / "raw"
    if not raw.exists():
        # A copy, for decisions are written among the raw files.
        shutil.copytree(ROOT / "samples" / "shop", raw)
    command = [
        sys.executable,
        "-c",
        "from strata.cli import main; raise SystemExit(main())",
        "run",
        "commerce",
    ]
    subprocess.run(
        [*command, "--raw", str(raw), "--warehouse", str(folder / "warehouse")], check=True
    )


def serve(folder: Path, once: bool) -> None:
    """Database and API on loopback; asks, decides, and waits."""
    import uvicorn
    from strata.lake.versions import Warehouse
    from strata.serve.graphql.access import Door, new_token
    from strata.serve.graphql.app import make_app
    from strata.serve.graphql.decisions import Desk
    from strata.serve.postgres.load import load_tables
    from strata.serve.postgres.local import free_port, running

    tokens = folder / "tokens.json"
    token = new_token(tokens, "demo", "editor")
    with running(place_of_cluster(folder)) as server:
        loaded = load_tables(Warehouse(str(folder / "warehouse")), SHOP, server.url("loader"))
        print(f"\n{len(loaded)} tables are in PostgreSQL, as publication {loaded[0].publication}")
        port = free_port()
        desk = Desk(server.url("editor"), str(folder / "raw"))
        app = make_app(server.url("reader"), Door.from_file(tokens), desk)
        own = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
        thread = threading.Thread(target=own.run, daemon=True)
        thread.start()
        while not own.started:
            time.sleep(0.05)
        show(f"http://127.0.0.1:{port}", token)
        try:
            while not once:
                time.sleep(1)
        except KeyboardInterrupt:
            pass
        own.should_exit = True
        thread.join()


def place_of_cluster(folder: Path) -> Path:
    """Where this runs as root, PostgreSQL is another user, who may not reach the folder."""
    if os.geteuid() != 0:
        return folder / "postgres"
    place = Path(tempfile.mkdtemp(prefix="strata-demo-"))
    place.chmod(0o755)
    return place / "postgres"


def show(address: str, token: str) -> None:
    """Four questions, a decision, and where to click."""
    for question, query in QUESTIONS.items():
        print(f"\n{question}\n  {query}")
        tell(ask(address, token, query))
    read = ask(address, token, PRODUCT)["product"]
    change = {
        "productId": "1",
        "expectedVersion": read["version"],
        "why": "shown in the demo",
        "name": f"{read['name']}, new",
    }
    print("\nA decision on product 1: another name")
    tell(ask(address, token, UPDATE, change=change))
    print("It stands in the API, and as a raw file that the next run takes.")
    print(
        f"\nTry the API: {address}/\nDashboard:   {address}/dashboard\nToken:       "
        f"{token}\nCtrl-C ends it.",
        flush=True,
    )


def tell(answer: Any, indent: str = "  ") -> None:
    """An answer as a person reads it: what fits a line stands in one."""
    line = json.dumps(answer, ensure_ascii=False)
    if len(line) + len(indent) <= WIDTH or not isinstance(answer, (dict, list)):
        print(f"{indent}{line}")
    elif isinstance(answer, list):
        for item in answer:
            if len(json.dumps(item, ensure_ascii=False)) + len(indent) > WIDTH:
                print(f"{indent}-")
                tell(item, indent + "  ")
            else:
                tell(item, indent)
    else:
        for name, value in answer.items():
            short = json.dumps(value, ensure_ascii=False)
            if len(indent) + len(name) + len(short) + 2 <= WIDTH:
                print(f"{indent}{name}: {short}")
            else:
                print(f"{indent}{name}:")
                tell(value, indent + "  ")


def ask(address: str, token: str, query: str, **variables: Any) -> dict[str, Any]:
    """One request; an error of the API ends the demo."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{address}/graphql", body, headers), timeout=30
    ) as answer:
        told = json.load(answer)
    if "errors" in told:
        raise SystemExit(f"the API says: {told['errors']}")
    return dict(told["data"])


if __name__ == "__main__":
    sys.exit(main())
