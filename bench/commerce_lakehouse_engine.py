"""Commerce by adidas/lakehouse-engine: the transforms of `commerce_plain`, one configuration a
table, its rules by the engine's validator.

The engine runs on Strata's Spark and Delta, with the Great Expectations that it asks for. Its other
requirements would put an older numpy before the one that Arrow needs, so that it is installed with
those only that Strata lacks:

    pip install --no-deps --target FOLDER lakehouse-engine==1.26.1 great-expectations==1.3.13 'marshmallow<4' 'posthog<4' \\
        backoff monotonic distro pendulum==3.0.0 time-machine==2.16.0 tenacity 'setuptools<81'
    LAKEHOUSE_ENGINE=FOLDER python -m bench commerce

A rule that fails is told and stops nothing: the engine can tag rows that break one, but keeps them
in the table.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from strata.declare.suite import Expectation

FOLDER = os.environ.get("LAKEHOUSE_ENGINE")
"""Where the engine is installed; None leaves this way out."""


def environment() -> dict[str, str]:
    """Of a process that takes the engine's packages before Strata's; Spark's are not among them."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (FOLDER, os.environ.get("PYTHONPATH")))),
    }


def build(spark: SparkSession, raw: Path, target: Path) -> dict[str, str]:
    """Builds the tables of `commerce_plain` below `target`; gives each table's path."""
    from lakehouse_engine.engine import load_data

    from bench import commerce_plain

    def write(name: str, frame: DataFrame) -> None:
        load_data(acon=configuration(name, frame, target))

    return commerce_plain.build(spark, raw, target, write)


def configuration(name: str, frame: DataFrame, target: Path) -> dict[str, Any]:
    """What the engine is told of one table."""
    asked = rules(name, frame)
    validation = {
        "spec_id": "checked",
        "input_id": "made",
        "dq_type": "validator",
        "store_backend": "file_system",
        "local_fs_root_dir": str(target / "dq"),
        "result_sink_location": str(target / "dq_results"),
        "result_sink_format": "delta",
        "fail_on_error": False,
        "dq_functions": [{"function": rule.type, "args": rule.kwargs} for rule in asked],
    }
    return {
        "input_specs": [
            {"spec_id": "made", "read_type": "batch", "data_format": "dataframe", "df_name": frame}
        ],
        "dq_specs": [validation] if asked else [],
        "output_specs": [
            {
                "spec_id": "written",
                "input_id": "checked" if asked else "made",
                "write_type": "overwrite",
                "data_format": "delta",
                "location": str(target / name),
            }
        ],
    }


def rules(name: str, frame: DataFrame) -> list[Expectation]:
    """The suite's expectations that the plain table can answer."""
    from strata.declare.suite import load_suite

    layer, noun = name.split("_", 1)
    return [
        e
        for e in load_suite(f"{layer}.commerce_{noun}").expectations
        if e.columns and set(e.columns) <= set(frame.columns)
    ]
