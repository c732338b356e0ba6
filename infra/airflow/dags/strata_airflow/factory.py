"""Makes the DAGs: one for each feed, one for all, one for upkeep.

A feed's DAG waits for new raw files, runs the job, remembers what it saw, and ends red if a raw
file was rejected, though what was sound is published. Where exports are set up it goes on to
Redshift and dbt (marts.py). Publishing updates the feed's asset; a feed
that reads another's tables runs on that.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, Asset, TaskGroup, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

from strata_airflow import notify
from strata_airflow.marts import marts_tasks
from strata_airflow.operators import start_job
from strata_airflow.sensor import NewRawFiles, list_state
from strata_airflow.settings import Feed, Settings

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
# Transient ends only (outcome.py): from five minutes on, doubling; a lease may be held for hours.
RETRIES = {
    "retries": 5,
    "retry_delay": timedelta(minutes=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(hours=1),
}
PARAMS = {"force": False, "arguments": []}
"""`force` runs without new files; `arguments` go to `strata run`, e.g. ["--full"]."""


def published(feed: str) -> Asset:
    """What a feed's run updates, and other DAGs may be scheduled on."""
    return Asset(name=f"strata_{feed}", uri=f"strata://published/{feed}", group="strata")


def feed_dag(feed: Feed, settings: Settings) -> DAG:
    """The DAG of one feed."""
    with _dag(f"strata_{feed.name}", _schedule(feed), settings, feed.publishes) as dag:
        _tasks(feed, settings)
    return dag


def all_dag(feeds: list[Feed], settings: Settings) -> DAG:
    """Every feed, in the order of who reads whom; started by hand."""
    with _dag("strata_all", None, settings, []) as dag:
        groups = {}
        for feed in feeds:
            with TaskGroup(feed.name) as groups[feed.name]:
                _tasks(feed, settings)
            for other in feed.reads:
                groups[other] >> groups[feed.name]
    return dag


def maintain_dag(settings: Settings) -> DAG:
    """Compacts small files and ends old publications, twice a week."""
    schedule = CronTriggerTimetable("0 1 * * 2,5", timezone="UTC")
    with _dag("strata_maintain", schedule, settings, []) as dag:
        start_job(settings, "command", ["maintain"], task_id="maintain", **RETRIES)
    return dag


def _dag(dag_id: str, schedule: Any, settings: Settings, publishes: list[str]) -> DAG:
    return DAG(
        dag_id,
        schedule=schedule,
        start_date=START,
        # A run takes every file that is there: a missed day needs no run of its own.
        catchup=False,
        # A second run would only be told that the lease is held.
        max_active_runs=1,
        params=PARAMS,
        default_args={"on_failure_callback": notify.failed},
        deadline=_deadline(dag_id, settings),
        tags=["strata"],
        doc_md="Publishes " + ", ".join(f"`{name}`" for name in publishes) if publishes else None,
    )


def _deadline(dag_id: str, settings: Settings) -> Any:
    """An alert for a run that is late, where one is asked for; Airflow 3.0 has none yet."""
    hours = settings.late_hours
    if hours is None:
        return None
    try:
        from airflow.sdk.definitions.callback import AsyncCallback
        from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
    except ImportError:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=AsyncCallback(notify.late, {"dag_id": dag_id, "hours": hours}),
    )


def _schedule(feed: Feed) -> Any:
    time = CronTriggerTimetable(feed.schedule, timezone="UTC")
    if not feed.reads:
        return time
    return AssetOrTimeSchedule(timetable=time, assets=[published(name) for name in feed.reads])


def _tasks(feed: Feed, settings: Settings) -> None:
    """new_files → run → remember → no_file_rejected."""
    folder = f"{settings.raw}/{feed.name}"
    new_files = NewRawFiles(
        task_id="new_files",
        folder=folder,
        # No worker is held while it waits; nothing new within the time is no failure.
        mode="reschedule",
        poke_interval=300,
        timeout=3300,
        soft_fail=True,
    )
    run = start_job(
        settings, feed.name, [], task_id="run", outlets=[published(feed.name)], **RETRIES
    )

    @task(trigger_rule="none_failed_min_one_success")
    def remember(folder: str) -> str | None:
        """What lay there, for the next run's sensor; the job read it before this listing."""
        return list_state(folder)

    @task
    def no_file_rejected(**context: Any) -> None:
        """Red where a raw file was left out, with the file and the reason."""
        said = context["ti"].xcom_pull(task_ids=run.task_id, key="rejected")
        if said:
            raise AirflowFailException(f"exit code 5: {said}")

    new_files >> run >> remember(folder) >> no_file_rejected()
    if settings.marts is not None and feed.exports:
        run >> marts_tasks(feed, settings, settings.marts, RETRIES)
