"""The protocol of lease and publication as a state machine, explored whole.

Two processes run one feed of two tables; a second file arrives at any moment; any process may die
between any two steps, and on S3 a lease may pass to the other while its holder sleeps. `explore`
visits every reachable state and checks the invariants there. `Rules` switches each safeguard off,
to show what it is for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

TABLES = (0, 1)
FILES = ("a", "b")


@dataclass(frozen=True)
class Rules:
    """The safeguards, each as the engine has it."""

    lease: bool = True
    """One run of a feed at a time."""
    lease_may_pass: bool = False
    """S3: a holder that sleeps past its time loses the lease and does not know."""
    fence: bool = True
    """The holder asks for its lease once more before it publishes."""
    restore: bool = True
    """A table is brought to its published version before it is written."""
    built_on: bool = True
    """A commit stands on the version that its run has read, or not at all: of candidates and of
    publications alike.
    """
    audited: bool = True
    """A publication names the versions that were audited, not the latest; and they still stand
    last.
    """
    one_row: bool = True
    """One row publishes every table."""
    put_if_absent: bool = True
    """A log entry is never overwritten by another."""
    read_back: bool = True
    """Only a publication that is read back was one."""
    taken_when_published: bool = True
    """A file is taken by the publication's own row, not noted before."""


class Row(NamedTuple):
    number: int
    run: int
    versions: tuple[int, ...]
    files: tuple[str, ...]


class Process(NamedTuple):
    at: str = "idle"
    run: int = 0
    base: int = 0
    published: tuple[int, ...] = (0, 0)
    new: tuple[str, ...] = ()
    before: int = 0
    versions: tuple[int, ...] = ()
    slot: int = 0


class State(NamedTuple):
    delivered: tuple[str, ...] = FILES[:1]
    tables: tuple[tuple[tuple[int, tuple[str, ...]], ...], ...] = (((0, ()),), ((0, ()),))
    """The versions of each table: who wrote it, and the files whose records it holds, as a
    multiset.
    """
    ledger: tuple[Row, ...] = ()
    noted: tuple[str, ...] = ()
    """Files noted as taken outside the ledger; only a broken rule does that."""
    holder: int = 0
    processes: tuple[Process, ...] = (Process(), Process())
    runs: int = 0
    deaths: int = 0
    told: frozenset[tuple[int, int]] = frozenset()
    """(run, number) of every publication that its run was told of."""
    stale: bool = False
    """Whether a run went on to publish when it knew, or could have known, that it had lost its
    lease.
    """


class Violation(AssertionError):
    """A reachable state breaks an invariant; the message names it and the way there."""


def explore(rules: Rules, runs: int = 3, deaths: int = 2) -> int:
    """Visits every reachable state; returns how many there are, or raises a Violation with the
    shortest way to it.
    """
    start = State()
    came: dict[State, tuple[State, str] | None] = {start: None}
    back: dict[State, list[State]] = {}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        broken = broken_invariant(state)
        if broken:
            raise Violation(f"{broken}: {' > '.join(_way(came, state))}")
        for what, after in steps(state, rules, runs, deaths):
            if not what.startswith("dies"):
                back.setdefault(after, []).append(state)
            if after not in came:
                came[after] = (state, what)
                queue.append(after)
    _assert_converges(came, back, runs)
    return len(came)


def _assert_converges(
    came: dict[State, tuple[State, str] | None], back: dict[State, list[State]], runs: int
) -> None:
    """From every state in which one more run may start, runs that nobody kills can publish
    everything delivered.
    """
    good = {state for state in came if shown(state)[0] == FILES}
    queue = deque(good)
    while queue:
        for before in back.get(queue.popleft(), ()):
            if before not in good:
                good.add(before)
                queue.append(before)
    for state in came:
        if state.runs < runs and state not in good:
            raise Violation(f"a re-run must converge: {' > '.join(_way(came, state))}")


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    way: list[str] = []
    step = came[state]
    while step is not None:
        way.append(step[1])
        step = came[step[0]]
    return way[::-1]


# --- what must hold ------------------------------------------------------------------------------


def shown(state: State) -> tuple[tuple[str, ...], ...]:
    """What readers see of each table: the versions that the newest row names."""
    versions = state.ledger[-1].versions if state.ledger else (0, 0)
    return tuple(tuple(sorted(state.tables[t][versions[t]][1])) for t in TABLES)


def broken_invariant(state: State) -> str | None:
    if state.stale:
        return "a stale holder publishes"
    numbers = [row.number for row in state.ledger]
    if len(set(numbers)) < len(numbers):
        return "two publications have one number"
    if numbers != list(range(1, len(numbers) + 1)):
        return "the publications are not numbered in a row"
    standing = {(row.run, row.number) for row in state.ledger}
    if not state.told <= standing:
        return "a publication is lost of which its run was told"
    taken: tuple[str, ...] = ()
    for row in state.ledger:
        taken += row.files
        for table in TABLES:
            writer, content = state.tables[table][row.versions[table]]
            if tuple(sorted(content)) != tuple(sorted(taken)):
                return (
                    f"readers see table {table} with files {content}, while publication "
                    f"{row.number} has taken {taken}"
                )
            if writer != row.run:
                return (
                    f"publication {row.number} shows a version of table {table} that its run did "
                    "not audit"
                )
    return None


# --- what may happen -----------------------------------------------------------------------------


def steps(state: State, rules: Rules, runs: int, deaths: int) -> Iterator[tuple[str, State]]:
    if len(state.delivered) < len(FILES):
        yield "b arrives", state._replace(delivered=FILES)
    for place, process in enumerate(state.processes):
        name = f"run {process.run}"
        if process.at == "idle":
            if state.runs < runs and _may_take(state, rules):
                run = state.runs + 1
                yield (
                    f"run {run} takes the lease",
                    _put(state._replace(runs=run, holder=run), place, Process("plan", run)),
                )
            continue
        if state.deaths < deaths:
            yield (
                f"dies: {name} at {process.at}",
                _put(state._replace(deaths=state.deaths + 1), place, Process()),
            )
        for after in STEPS[process.at](state, place, process, rules):
            yield f"{name}: {process.at}", after


def _may_take(state: State, rules: Rules) -> bool:
    """A lease is free when its holder has died or let go; on S3 also when the holder sleeps past
    its time.
    """
    is_held = state.holder != 0 and any(p.run == state.holder for p in state.processes)
    return not rules.lease or rules.lease_may_pass or not is_held


def _put(state: State, place: int, process: Process) -> State:
    processes = list(state.processes)
    processes[place] = process
    return state._replace(processes=tuple(processes))


def _end(state: State, place: int, process: Process) -> State:
    return _put(
        state._replace(holder=0 if state.holder == process.run else state.holder), place, Process()
    )


def _plan(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    taken = {file for row in state.ledger for file in row.files} | set(state.noted)
    new = tuple(file for file in state.delivered if file not in taken)
    if not new:
        yield _end(state, place, process)
        return
    newest = state.ledger[-1] if state.ledger else Row(0, 0, (0, 0), ())
    noted = state.noted if rules.taken_when_published else tuple(sorted({*state.noted, *new}))
    planned = process._replace(at="open", base=newest.number, published=newest.versions, new=new)
    yield _put(state._replace(noted=noted), place, planned)


def _open(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    table = len(process.versions)
    log = state.tables[table]
    wanted = process.published[table]
    if rules.restore and len(log) - 1 != wanted:
        log = (*log, (process.run, log[wanted][1]))
    yield _put(
        _with_log(state, table, log), place, process._replace(at="write", before=len(log) - 1)
    )


def _write(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    """A blind append would land on whatever stands last."""
    table = len(process.versions)
    if rules.built_on and len(state.tables[table]) - 1 != process.before:
        yield _end(state, place, process)
        return
    log = (*state.tables[table], (process.run, (*state.tables[table][-1][1], *process.new)))
    version = len(log) - 1
    written = _with_log(state, table, log)
    versions = (*process.versions, version)
    yield _put(
        written,
        place,
        process._replace(at="open" if len(versions) < len(TABLES) else "check", versions=versions),
    )


def _with_log(state: State, table: int, log: tuple[tuple[int, tuple[str, ...]], ...]) -> State:
    return state._replace(tables=(log, state.tables[1]) if table == 0 else (state.tables[0], log))


def _check(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    latest = tuple(len(log) - 1 for log in state.tables)
    if rules.audited and latest != process.versions:
        yield _end(state, place, process)
    else:
        yield _put(state, place, process._replace(at="fence"))


def _fence(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    """The last look at the lease; on S3 it may still pass after this."""
    lost = state.holder != process.run
    if rules.fence and lost:
        yield _end(state, place, process)
    else:
        yield _put(state._replace(stale=lost), place, process._replace(at="send"))


def _send(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    """The table is opened for the commit: does it stand where the run has read it?"""
    if rules.built_on and len(state.ledger) != process.base:
        yield _put(state, place, process._replace(at="read back"))
    else:
        yield _put(state, place, process._replace(at="commit", slot=len(state.ledger)))


def _commit(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    if rules.put_if_absent and process.slot < len(state.ledger):
        # Refused by the store. A blind append would look again, and try the next entry.
        after = "read back" if rules.built_on else "send"
        yield _put(state, place, process._replace(at=after))
        return
    if not rules.lease_may_pass and state.holder != process.run:
        state = state._replace(stale=True)
    versions = process.versions if rules.audited else tuple(len(log) - 1 for log in state.tables)
    rows = [Row(process.base + 1, process.run, versions, process.new)]
    if not rules.one_row:
        # The first table's row alone stands for a moment.
        half = Row(process.base + 1, process.run, (versions[0], process.published[1]), process.new)
        yield _put(_at_slot(state, process.slot, [half]), place, process._replace(at="read back"))
    yield _put(_at_slot(state, process.slot, rows), place, process._replace(at="read back"))


def _at_slot(state: State, slot: int, rows: list[Row]) -> State:
    return state._replace(ledger=(*state.ledger[:slot], *rows, *state.ledger[slot + 1 :]))


def _read_back(state: State, place: int, process: Process, rules: Rules) -> Iterator[State]:
    number = process.base + 1
    if not rules.read_back or (process.run, number) in {
        (row.run, row.number) for row in state.ledger
    }:
        state = state._replace(told=state.told | {(process.run, number)})
    yield _end(state, place, process)


STEPS = {
    "plan": _plan, "open": _open, "write": _write, "check": _check, "fence": _fence,
    "send": _send, "commit": _commit, "read back": _read_back,
}  # fmt: skip
SAFEGUARDS = tuple(rule.name for rule in fields(Rules) if rule.name != "lease_may_pass")
