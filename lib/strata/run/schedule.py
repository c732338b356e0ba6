"""In which order feeds run and tables are built: each after what it reads, others side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from strata.ledger.publication import owner_of
from strata.run.plan import Plan, Step
from strata.run.state import Built, State


def build_all(plan: Plan, state: State, build: Callable[[Step], Built], at_once: int) -> None:
    """Builds each step's table, at most so many at once, and adds it to the state.

    The first table that fails ends the run, once those that are being built have ended.
    """
    if at_once == 1:
        for step in plan.steps:
            state.add(build(step))
        return
    waiting = list(plan.steps)
    running: dict[Future[Built], Step] = {}
    with ThreadPoolExecutor(at_once, thread_name_prefix=plan.feed.name) as pool:
        while waiting or running:
            unfinished = {step.table for step in (*waiting, *running.values())}
            for step in [s for s in waiting if needs(plan, s).isdisjoint(unfinished)]:
                if len(running) < at_once:
                    waiting.remove(step)
                    running[pool.submit(build, step)] = step
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda f: plan.steps.index(running[f])):
                # An error leaves by here; the pool waits for what is running.
                state.add(future.result())
                del running[future]


def needs(plan: Plan, step: Step) -> set[str]:
    """The tables that a step reads: its inputs, and those that its suite's queries name."""
    if step.table in plan.feed.bronze_tables:
        inputs: tuple[str, ...] = ()
    else:
        inputs = plan.feed.table(step.table).inputs
    suite = plan.feed.suite(step.table)
    before = plan.feed.table_names[: plan.feed.table_names.index(step.table)]
    return set(inputs) | {name for name in before if suite.names(name)}


def run_feeds(
    plans: Sequence[Plan], run_one: Callable[[Plan], None], at_once: int, stop: Callable[[], None]
) -> None:
    """Runs the plans, side by side unless `at_once` is 1; a feed that reads another's tables comes
    after it. Interrupted, it calls `stop`, which must end what is running.
    """
    if at_once == 1 or len(plans) == 1:
        for plan in plans:
            run_one(plan)
        return
    names = [plan.feed.name for plan in plans]
    ended = {name: threading.Event() for name in names}

    def run_after_others(plan: Plan) -> None:
        try:
            for name in names[: names.index(plan.feed.name)]:
                if name in feeds_read(plan):
                    ended[name].wait()
            run_one(plan)
        finally:
            ended[plan.feed.name].set()

    # A feed that waits for another takes no place from it: there is one for each.
    with ThreadPoolExecutor(len(plans), thread_name_prefix="feed") as pool:
        running = [pool.submit(run_after_others, plan) for plan in plans]
        try:
            for future in running:
                future.result()
        except BaseException:
            stop()
            raise


def feeds_read(plan: Plan) -> set[str]:
    """The other feeds whose tables the plan's feed reads."""
    inputs = {name for table in plan.feed.tables for name in table.inputs}
    return {owner_of(name) for name in inputs} - {plan.feed.name}
