"""Lays the DAGs into Airflow's folder: python infra/airflow/deploy.py DAGS_FOLDER.

Copies the DAG code, command.py and requirements.txt, writes feeds.json from the feeds' own
declarations and, where STRATA_TARGET=emr, emr.json with the request of each job. Runs in Strata's
environment; Airflow has one of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "emr"))

from feeds import FeedFacts, read_facts

_INFRA = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Deploys into the folder named."""
    if len(arguments) != 1:
        print("deploy: name Airflow's DAGs folder", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    shutil.copytree(_INFRA / "airflow" / "dags", folder, dirs_exist_ok=True)
    shutil.copy2(_INFRA / "airflow" / "requirements.txt", folder)
    shutil.copy2(_INFRA / "emr" / "command.py", folder)
    feeds = read_facts()
    (folder / "feeds.json").write_text(json.dumps([asdict(feed) for feed in feeds], indent=2))
    if environment.get("STRATA_TARGET") == "emr":
        (folder / "emr.json").write_text(json.dumps(requests(feeds, environment), indent=2))
    return 0


def requests(feeds: Sequence[FeedFacts], environment: Mapping[str, str]) -> dict[str, object]:
    """The request of each job on EMR Serverless, as submit.py makes it."""
    from settings import Places
    from submit import NEEDED, job_request

    given = {key: environment[name].rstrip("/") for key, name in NEEDED.items()}
    application, role = given.pop("application"), given.pop("role")
    commands = {feed.name: ["run", feed.name] for feed in feeds} | {"command": ["maintain"]}
    return {
        name: job_request(application, role, Places(**given), command)
        for name, command in commands.items()
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
