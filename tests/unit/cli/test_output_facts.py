"""Progress as JSON lines: each line says which run, feed and table it is of."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr

import pytest
from strata.cli.output import Progress
from strata.run.state import about


def test_json_lines_carry_run_feed_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    say = Progress(as_json=True)
    of_run = about(say, run="20260301T000000Z-abc", feed="toy")
    of_run("every gate has passed")
    about(of_run, table="gold.toy_days")("3 rows")
    say("starting Spark")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for line in lines:
        assert line.pop("at_seconds") >= 0
    assert lines == [
        {"message": "every gate has passed", "run": "20260301T000000Z-abc", "feed": "toy"},
        {
            "message": "3 rows",
            "run": "20260301T000000Z-abc",
            "feed": "toy",
            "table": "gold.toy_days",
        },
        {"message": "starting Spark"},
    ]


def test_a_plain_listener_hears_the_words_alone() -> None:
    heard: list[str] = []
    about(heard.append, run="r", feed="toy")("done")
    assert heard == ["done"]


def test_a_stop_holds_for_all_who_tell() -> None:
    say = Progress(quiet=True)
    of_run = say.about(feed="toy")
    say.stop()
    with pytest.raises(KeyboardInterrupt):
        of_run("next")


class Pieces(io.StringIO):
    """What is written to it, write by write: between two of them another thread may write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return super().write(text)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_line_is_written_with_its_end_in_one_piece(as_json: bool) -> None:
    with redirect_stderr(Pieces()) as told:
        Progress(as_json)("silver.toy_sales: 1 new file")
    (line,) = told.written
    assert line.endswith("\n")
    assert "silver.toy_sales: 1 new file" in line
