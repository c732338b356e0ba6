"""The feeds of one command, run one after the other or side by side, while Spark starts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from strata.cli import common, stopped
from strata.cli.output import Progress, tell
from strata.cli.settings import Settings
from strata.cli.warnings import warnings_of
from strata.declare import pseudonyms
from strata.declare.feed import Feed
from strata.errors import StrataError
from strata.lake.versions import Warehouse
from strata.ledger.book import Book
from strata.run.options import Options
from strata.run.plan import Plan
from strata.spark.session import Starting

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from strata.run.run import Report


@dataclass(frozen=True)
class Job:
    """What all feeds of one command share."""

    arguments: argparse.Namespace
    settings: Settings
    book: Book
    options: Options
    say: Progress

    @property
    def warehouse(self) -> Warehouse:
        """Where the tables are."""
        return self.book.warehouse

    def options_of(self, feed: Feed) -> Options:
        """The options, as far as they are this feed's."""
        own = tuple(name for name in self.options.tables if name in feed.table_names)
        return replace(self.options, tables=own)


def run_all(plans: list[Plan], job: Job) -> list[int]:
    """Runs the feeds, side by side where all are small; one feed's failure does not stop
    another.
    """
    codes: list[int] = []
    able = []
    for plan in plans:
        with _failure_told(plan, codes):
            if plan.needs_key:
                pseudonyms.from_environment()  # Told before Spark starts, which takes a while.
            able.append(plan)
    if not able:
        return codes
    small = all(plan.is_small for plan in able)
    spark = _start_spark(able, job, small)
    from strata.run.run import run_feed
    from strata.run.schedule import run_feeds

    def run_one(plan: Plan) -> None:
        with _failure_told(plan, codes, spark):
            session = cast("SparkSession", spark)
            report = run_feed(session, job.warehouse, plan, job.options_of(plan.feed), job.say)
            tell_report(report, job.warehouse, job.say)

    # Whoever stops the run is told what was published: no thread goes on behind that.
    with stopped.ending(spark.cancel_jobs):
        run_feeds(able, run_one, job.options.at_once if small else 1, job.say.stop)
    return codes


def _start_spark(plans: list[Plan], job: Job, small: bool) -> Starting:
    # Before the thread that starts it: two that import one package at a time may each wait for
    # what the other has begun.
    import pyspark.sql  # noqa: F401

    from strata.gate import gate

    waits = all(plan.may_need_no_spark for plan in plans)

    def start() -> SparkSession:
        if waits:
            job.say("starting Spark")
        return common.start_spark(
            job.settings,
            job.arguments.master,
            with_gate=any(map(gate.needs_library, suites)),
            small=small,
            spatial=any(plan.feed.is_spatial for plan in plans),
        )

    suites = [plan.feed.suite(step.table) for plan in plans for step in plan.steps]
    if not waits:
        job.say("starting Spark")
    return Starting(start, when_asked=waits)


@contextmanager
def _failure_told(plan: Plan, codes: list[int], spark: Starting | None = None) -> Iterator[None]:
    """Tells one feed's failure and keeps its exit code, so that the next feed can go on; without
    Spark none can.
    """
    try:
        yield
    except StrataError as error:
        if spark is not None and spark.failed_by(error):
            raise
        tell(f"strata: {plan.feed.name}: {error}")
        codes.append(error.exit_code)


def tell_report(report: Report, warehouse: Warehouse, say: Progress) -> None:
    """How a feed's run ended."""
    say = say.about(run=report.run_id, feed=report.feed)
    if report.publication is None:
        say(f"{report.feed}: another run has done it meanwhile; nothing to do")
        return
    say(
        f"{report.feed}: published as publication {report.publication.publication} in "
        f"{report.seconds:.0f} s; "
        f"tables are in {warehouse.root}"
    )
    told = warnings_of(report.publication)
    for line in told:
        say(f"{report.feed}: warning: {line}")
