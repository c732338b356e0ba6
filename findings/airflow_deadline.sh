#!/usr/bin/env bash
# apache-airflow 3.3.2: `airflow dags test` fails on any DAG that has a deadline alert, after its tasks have run:
#   AttributeError: 'dict' object has no attribute 'hex'
# The run asks the database for the alert by what should be its id and is the alert itself. Without the alert the same
# DAG passes. Needs Python 3.11 to 3.13 and a package index; exits non-zero if the behaviour is another.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2 apache-airflow-providers-standard==1.21.0

mkdir "$folder/dags"
cat > "$folder/dags/dag.py" <<'PY'
from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference


async def late(**_):
    pass


ALERT = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(hours=3), callback=AsyncCallback(late)
)
for name, deadline in (("with_alert", ALERT), ("without_alert", None)):
    with DAG(name, schedule=None, start_date=datetime(2026, 1, 1), deadline=deadline) as dag:
        EmptyOperator(task_id="nothing")
    globals()[name] = dag
PY

export AIRFLOW_HOME="$folder" AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
airflow="$folder/environment/bin/airflow"
echo "airflow $("$airflow" version)"
"$airflow" db migrate >"$folder/migrate.log" 2>&1
"$airflow" dags test without_alert >"$folder/without.log" 2>&1 ||
    { echo "a DAG without an alert fails too" >&2; tail -3 "$folder/without.log" >&2; exit 1; }
echo "without an alert: passes"
if "$airflow" dags test with_alert >"$folder/with.log" 2>&1; then
    echo "with an alert: passes now" >&2
    exit 1
fi
grep -q "'dict' object has no attribute 'hex'" "$folder/with.log" ||
    { echo "with an alert: fails in another way" >&2; tail -3 "$folder/with.log" >&2; exit 1; }
echo "with an alert: fails with 'dict' object has no attribute 'hex'"
