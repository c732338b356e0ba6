"""Airflow reads this file: one DAG a feed, one for all, one for upkeep."""

from __future__ import annotations

import sys
from pathlib import Path

# Not every Airflow process has the DAGs' folder on its path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from strata_airflow.factory import all_dag, feed_dag, maintain_dag
from strata_airflow.settings import load, read_feeds

_settings, _feeds = load(), read_feeds()
for _dag in [
    *(feed_dag(feed, _settings) for feed in _feeds),
    all_dag(_feeds, _settings),
    maintain_dag(_settings),
]:
    globals()[_dag.dag_id] = _dag
