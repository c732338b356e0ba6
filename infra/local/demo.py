"""The shop from raw files to an API, in one command: `make demo`.

Runs the made-up shop of `samples/shop` into a warehouse of its own, starts a PostgreSQL and the
API on loopback, asks four questions, takes a decision on a product, and says where to click.
Ctrl-C ends it. Everything lies in `demo/`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHOP = ("silver.commerce_*", "gold.commerce_*")
Rows = list[dict[str, Any]]
QUESTIONS: tuple[tuple[str, str, Callable[[Any], Rows]], ...] = (
    (
        "Which products sell best?",
        """{ bestSellers(first: 5) {
    rank product { name category { path } } units revenue currency } }""",
        lambda data: list(data["bestSellers"]),
    ),
    (
        "How did the last months go?",
        """{ salesTrends(fromDate: "2010-12-01") {
    periodStart orders units revenue revenueChange currency } }""",
        lambda data: list(data["salesTrends"]),
    ),
    (
        "What did customer C1217 buy lately?",
        """{ customer(customerId: "C1217") { orders(first: 2) { nodes {
    orderDate status items { quantity product { name } revenue } currency } } } }""",
        lambda data: [
            {"orderDate": order["orderDate"], "status": order["status"], **item}
            | {"currency": order["currency"]}
            for order in data["customer"]["orders"]["nodes"]
            for item in order["items"]
        ],
    ),
    (
        "Which product brought most in a month, of those for Christmas?",
        """{ productSales(filter: {fromDate: "2010-11-01", toDate: "2010-12-31"},
    orderBy: REVENUE, first: 4) {
    nodes { periodStart product { name } units orders revenue currency } } }""",
        lambda data: list(data["productSales"]["nodes"]),
    ),
)
PRODUCT = """query Product($id: ID!) { product(productId: $id) { productId name listPrice currency
    version history { validFrom validTo name listPrice } } }"""
UPDATE = """mutation Change($change: ProductChange!) { updateProduct(change: $change) {
    decisionId decidedBy why changes { field was becomes } takenIn } }"""
CHANGED = "P1015"
_GATE = re.compile(
    r"(?P<at>[\d.]+ s)  (?P<table>\S+): (?P<read>[\d,]+) in = (?P<kept>[\d,]+) accepted"
    r" \+ (?P<rejected>[\d,]+) quarantined \+ (?P<folded>[\d,]+) folded"
)


def main() -> int:
    """Runs the demo; with --once it ends after the last answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="demo", help="where everything lies (default: demo)")
    parser.add_argument("--port", type=int, default=0, help="the API's (default: one that is free)")
    parser.add_argument("--once", action="store_true", help="end after the last answer")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(options.folder).absolute()
    folder.mkdir(exist_ok=True)
    try:
        run_feed(folder)
        serve(folder, options.port, options.once)
    except KeyboardInterrupt:
        print("\nended; `make demo` starts it again from what stands there", flush=True)
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def run_feed(folder: Path) -> None:
    """Raw files to published tables; a second demo takes the first one's decision, and no more."""
    raw = folder / "raw"
    title("1. Raw files to published tables, through the gates")
    if not raw.exists():
        # A copy, for decisions are written among the raw files.
        shutil.copytree(ROOT / "samples" / "shop", raw)
    command = "from strata.cli import main; raise SystemExit(main())"
    places = ["--raw", str(raw), "--warehouse", str(folder / "warehouse")]
    log = folder / "run.log"
    print(f"strata run commerce --raw {near(raw)} …   (all that it says: {near(log)})")
    print(
        "rows in = valid + rejected (in quarantine, with the reasons) + folded (repeats; in gold,"
        "\nlines and orders that do not count, such as cancelled ones)\n",
        flush=True,
    )
    with log.open("w", encoding="utf-8") as kept:
        process = subprocess.Popen(
            [sys.executable, "-c", command, "run", "commerce", *places],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            kept.write(line)
            tell_gate(line)
    if process.wait():
        print(log.read_text(encoding="utf-8")[-2_000:], file=sys.stderr)
        raise SystemExit(f"the run ended with exit code {process.returncode}; {log} has the rest")
    print(
        f"why rows were rejected: strata quarantine list --warehouse {near(folder / 'warehouse')}"
    )


def near(path: Path) -> str:
    """As one would type it from here, where it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def tell_gate(line: str) -> None:
    """What a gate counted, in a line that can be read at a glance."""
    found = _GATE.search(line)
    if found:
        told = (
            f"{found['at']:>8}  {found['table']:36}{found['read']:>7} in {found['kept']:>7} valid"
        )
        for name in ("rejected", "folded"):
            told += f"{found[name]:>8} {name}" if found[name] != "0" else ""
        print(told, flush=True)
    elif "published as publication" in line or "nothing new" in line or "starting Spark" in line:
        print(line.rstrip(), flush=True)


def serve(folder: Path, port: int, once: bool) -> None:
    """Database and API on loopback; asks, decides, and waits."""
    import uvicorn
    from strata.lake.versions import Warehouse
    from strata.serve.graphql.access import Door, new_token
    from strata.serve.graphql.app import make_app
    from strata.serve.graphql.decisions import Desk
    from strata.serve.graphql.http import Bounded
    from strata.serve.postgres.load import load_tables
    from strata.serve.postgres.local import free_port, running

    tokens = folder / "tokens.json"
    tokens.unlink(missing_ok=True)
    token = new_token(tokens, "demo", "editor")
    title("2. PostgreSQL on loopback, loaded from the published tables")
    with running(place_of_cluster(folder)) as server:
        began = time.monotonic()
        loaded = load_tables(Warehouse(str(folder / "warehouse")), SHOP, server.url("loader"))
        rows = sum(one.rows for one in loaded)
        print(
            f"{len(loaded)} tables, {rows:,} rows, publication {loaded[0].publication}:"
            f" {time.monotonic() - began:.1f} s, reconciled"
        )
        port = port or free_port()
        desk = Desk(server.url("editor"), str(folder / "raw"))
        app = make_app(server.url("reader"), Door.from_file(tokens), desk)
        quiet: dict[str, Any] = {"log_level": "warning", "http": Bounded}
        own = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, **quiet))
        thread = threading.Thread(target=own.run, daemon=True)
        thread.start()
        while not own.started:
            time.sleep(0.05)
        try:
            address = f"http://127.0.0.1:{port}"
            show(address, token)
            where_to_click(address, token, server.url("reader"))
            while not once:
                time.sleep(1)
        finally:
            own.should_exit = True
            thread.join()


def place_of_cluster(folder: Path) -> Path:
    """Where this runs as root, PostgreSQL is another user, who may not reach the folder: then the
    database lies elsewhere, and the next demo finds it there.
    """
    if os.geteuid() != 0:
        return folder / "postgres"
    note = folder / "postgres.place"
    if note.is_file() and Path(note.read_text(encoding="utf-8")).is_dir():
        return Path(note.read_text(encoding="utf-8")) / "postgres"
    place = Path(tempfile.mkdtemp(prefix="strata-demo-"))
    place.chmod(0o755)
    note.write_text(str(place), encoding="utf-8")
    return place / "postgres"


def show(address: str, token: str) -> None:
    """Four questions and a decision."""
    title("3. Four questions to the GraphQL API")
    for question, query, rows_of in QUESTIONS:
        print(f"\n{question}\n\n  {query}\n")
        tell([flat(row) for row in rows_of(ask(address, token, query))])
    title("4. A decision on a product, which the next load keeps")
    read = ask(address, token, PRODUCT, id=CHANGED)["product"]
    print(f"{priced(read)}. It has been:\n")
    tell(read["history"])
    change = {
        "productId": CHANGED,
        "expectedVersion": read["version"],
        "why": "the tin has become dearer",
        "listPrice": str(as_number(read["listPrice"]) + Decimal("0.50")),
    }
    print(f"\n  updateProduct(change: {json.dumps(change)})\n")
    made = ask(address, token, UPDATE, change=change)["updateProduct"]
    tell([{**part, "decision": made["decisionId"], "by": made["decidedBy"], "why": made["why"]}
          for part in made["changes"]])  # fmt: skip
    after = ask(address, token, PRODUCT, id=CHANGED)["product"]
    print(
        f"\n{priced(after)} from now on. A raw file tells the next run, and a load that still"
        "\nbrings the old price does not undo it: end this, and start `make demo` again."
    )


def priced(product: Mapping[str, Any]) -> str:
    """A product with its price."""
    return f"{product['name']} costs {as_number(product['listPrice'])} {product['currency']}"


def where_to_click(address: str, token: str, reader: str) -> None:
    """The end, which stays on the screen."""
    title("Where to click")
    print(
        f"Dashboard   {address}/dashboard#token={token}\n"
        f"Playground  {address}/#token={token}\nToken       {token}\n"
        f"SQL         psql {reader}\n\nCtrl-C ends it.",
        flush=True,
    )


def title(text: str) -> None:
    """A heading between the parts."""
    print(f"\n── {text} {'─' * (96 - len(text))}\n", flush=True)


def flat(row: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A row with what it nests beside it: product.name, product.category.path."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        else:
            found[above + name] = value
    return found


def tell(rows: Rows) -> None:
    """An answer as an aligned table, as the command line prints it."""
    from strata.cli.output import render

    # Amounts are text in JSON, for that loses nothing; a table puts numbers to the right.
    values = [[as_number(value) for value in row.values()] for row in rows]
    shown = render(list(rows[0]) if rows else ["nothing"], values)
    print("\n".join(f"  {line}" for line in shown.splitlines()))


def as_number(value: Any) -> Any:
    """An amount as a number, to two decimals; anything else as it is."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+\.\d{2,4}", value):
        return Decimal(value).quantize(Decimal("0.01"))
    return value


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
