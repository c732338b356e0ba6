"""Checks every declaration at once, without Spark: contracts, suites, feeds, jobs and settings."""

from __future__ import annotations

from strata.cli import settings as config
from strata.declare import feed as feeds
from strata.declare import resources
from strata.declare.contract import LAYERS, load_contract
from strata.declare.suite import check_against_contract, load_suite
from strata.errors import StrataError
from strata.gate import gate


def check_all() -> tuple[list[str], dict[str, int]]:
    """Every finding as a sentence, and how many declarations of each kind were checked."""
    findings: list[str] = []
    counts = {
        "feeds": 0,
        "source contracts": 0,
        "contracts": 0,
        "suites": 0,
        "expectations": 0,
        "settings files": 0,
        "jobs": 0,
    }
    used: set[str] = set()
    for name in feeds.feed_names():
        try:
            feed = feeds.load_feed(name)
        except StrataError as error:
            findings.append(str(error))
            continue
        counts["feeds"] += 1
        counts["source contracts"] += len(feed.layouts)
        for table in feed.table_names:
            used.add(table)
            findings += _check_table(table, counts)
        findings += _check_groups(feed)
        findings += _check_layouts(feed)
        findings += _check_job(name, counts)
    findings += [
        f"schemas: {table} has a contract and no feed makes it"
        for table in sorted(feeds.declared_tables() - used)
    ]
    findings += [
        f"expectations: {table} has a suite and no feed makes it"
        for table in sorted(_suites() - used)
    ]
    for profile in ("base", *config.PROFILES):
        try:
            config.read_conf(profile)
            counts["settings files"] += 1
        except StrataError as error:
            findings.append(str(error))
    return findings, counts


def _check_table(table: str, counts: dict[str, int]) -> list[str]:
    try:
        contract = load_contract(table)
        counts["contracts"] += 1
        suite = load_suite(table)
    except StrataError as error:
        return [str(error)]
    counts["suites"] += 1
    counts["expectations"] += len(suite.expectations)
    return [
        f"{table}: {finding}"
        for finding in check_against_contract(suite, contract) + gate.check_types(suite)
    ]


def _check_groups(feed: feeds.Feed) -> list[str]:
    """A group's columns must be in the table, so that its old rows can be found and replaced."""
    findings = []
    for table in feed.tables:
        try:
            columns = load_contract(table.name).columns
        except StrataError:
            continue
        findings += [
            f"{table.name}: group column {name} is not in its contract"
            for name in table.group
            if name not in columns
        ]
    return findings


def _check_layouts(feed: feeds.Feed) -> list[str]:
    findings = []
    for layout in feed.layouts:
        try:
            columns = load_contract(layout.table).columns
        except StrataError:
            continue
        findings += [
            f"source contract {layout.name}: {layout.table} has no column {name}"
            for name in layout.bronze_columns
            if name not in columns
        ]
    return findings


def _check_job(name: str, counts: dict[str, int]) -> list[str]:
    """Jobs lie beside the feed they run: in a checkout, not in the wheel, or in the caller's own
    project.
    """
    own = resources.project()
    is_own = own is not None and any(
        (own / "feeds" / module).exists() for module in (f"{name}.py", name)
    )
    jobs = (
        own if own is not None and is_own else resources.folder("conf").resolve().parent
    ) / "jobs"
    if not jobs.is_dir():
        return []
    if not (jobs / f"{name}.py").is_file():
        return [f"jobs/{name}.py is missing: every feed has a job for spark-submit"]
    counts["jobs"] += 1
    return []


def _suites() -> set[str]:
    return {
        f"{layer}.{path.stem}"
        for layer in LAYERS
        for path in resources.search("expectations", f"{layer}/*.yaml")
    }
