#!/bin/sh
# `airflow dags test` fails on every DAG that has a deadline alert: the alert reaches the run as a
# dictionary, and is looked up as if it were the alert's id. A scheduler runs the same DAG. Found
# with apache-airflow 3.3.2; exits non-zero if that changes. Strata's DAGs therefore have the alert
# only where STRATA_LATE_HOURS asks for it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet apache-airflow==3.3.2 apache-airflow-core==3.3.2 \
    apache-airflow-task-sdk==1.3.2 apache-airflow-providers-standard==1.21.0 \
    SQLAlchemy==2.1.9 fastapi==0.136.3 starlette==1.10.0 pydantic==2.14.4 cadwyn==7.0.0
export AIRFLOW_HOME="$work/home" AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__DAGS_FOLDER="$work/home/dags"
mkdir -p "$work/home/dags"
cat > "$work/home/dags/two.py" <<'PYTHON'
from datetime import datetime, timedelta

from airflow.sdk import DAG, task
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference


async def tell(**facts):
    """Nobody is told: the run ends long before."""


late = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), AsyncCallback(tell))
for name, alert in (("without_alert", None), ("with_alert", late)):
    with DAG(name, schedule=None, start_date=datetime(2026, 1, 1), deadline=alert) as dag:

        @task
        def work():
            print("worked")

        work()
    globals()[name] = dag
PYTHON
echo "apache-airflow $("$work/venv/bin/airflow" version 2>/dev/null | tail -1)"
"$work/venv/bin/airflow" db migrate > "$work/log" 2>&1
without=0; "$work/venv/bin/airflow" dags test without_alert > "$work/log" 2>&1 || without=$?
with=0; "$work/venv/bin/airflow" dags test with_alert > "$work/log" 2>&1 || with=$?
said=$(grep -o "StatementError: .*" "$work/log" | tail -1 || true)
echo "without an alert: exit code $without; with one: exit code $with, $said"
[ "$without" = 0 ] && [ "$with" != 0 ] && [ -n "$said" ] || { echo "the behaviour has changed"; exit 1; }
