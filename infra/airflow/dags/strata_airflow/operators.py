"""Operators that start a job of Strata, and judge its end by the exit code.

One class for each place where jobs run: the provider's own operator with `Judged` before it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from strata_airflow.outcome import read_outcome
from strata_airflow.settings import HERE, Settings, read_request


class Judged:
    """Fails for good where another try cannot help; succeeds where only a raw file was left out."""

    def execute(self, context: Any) -> Any:
        """Runs the job with the run's own arguments; a fault of the data is not tried again."""
        self.add_arguments(list((context.get("params") or {}).get("arguments") or []))
        try:
            return super().execute(context)  # type: ignore[misc]
        except Exception as error:
            return judge(error, context)

    def execute_complete(self, context: Any, event: Any = None) -> Any:
        """Goes on when the job has ended; a fault of the data is not tried again."""
        try:
            return super().execute_complete(context, event)  # type: ignore[misc]
        except Exception as error:
            return judge(error, context)

    def add_arguments(self, arguments: list[str]) -> None:
        """Adds what a run of the DAG was given besides, e.g. `--full`."""
        raise NotImplementedError


def judge(error: Exception, context: Any) -> None:
    """Raises what Airflow should make of a failed job, with Strata's own sentence."""
    outcome = read_outcome(str(error))
    if outcome.has_published:
        context["ti"].xcom_push(key="rejected", value=outcome.sentence)
        return
    told = (
        f"exit code {outcome.code if outcome.code is not None else 'unknown'}: {outcome.sentence}"
    )
    if outcome.is_transient:
        raise AirflowException(told) from error
    raise AirflowFailException(told) from error


def start_job(settings: Settings, name: str, arguments: list[str], **options: Any) -> Any:
    """The operator for one job (`soil`, or `command`) in the place that the settings name."""
    makers = {"spark": _on_spark, "emr": _on_emr, "databricks": _on_databricks}
    return makers[settings.target](settings, name, arguments, **options)


def _on_spark(settings: Settings, name: str, arguments: list[str], **options: Any) -> Any:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    class StrataSpark(Judged, SparkSubmitOperator):
        def add_arguments(self, arguments: list[str]) -> None:
            self.application_args = [*(self.application_args or []), *arguments]

    is_command = name == "command"
    places = [] if arguments[:1] == ["load"] else ["--warehouse", settings.warehouse]
    places += [] if is_command else ["--raw", settings.raw]
    return StrataSpark(
        # Any other command than a feed's run: deploy.py lays its script beside the DAGs.
        application=f"{HERE if is_command else settings.jobs}/{name}.py",
        application_args=[*arguments, *places],
        conn_id=settings.spark_connection,
        name=f"strata-{name}",
        **options,
    )


def _on_emr(settings: Settings, name: str, arguments: list[str], **options: Any) -> Any:
    from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator

    class StrataEmr(Judged, EmrServerlessStartJobOperator):
        def add_arguments(self, arguments: list[str]) -> None:
            self.job_driver["sparkSubmit"]["entryPointArguments"] += arguments

    request = read_request(name)
    request["jobDriver"]["sparkSubmit"]["entryPointArguments"] = list(arguments)
    return StrataEmr(
        application_id=request["applicationId"],
        execution_role_arn=request["executionRoleArn"],
        job_driver=request["jobDriver"],
        configuration_overrides=request["configurationOverrides"],
        name=f"strata-{name}",
        aws_conn_id=settings.aws_connection,
        **options,
    )


def _on_databricks(settings: Settings, name: str, arguments: list[str], **options: Any) -> Any:
    from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator

    class StrataDatabricks(Judged, DatabricksRunNowOperator):
        def add_arguments(self, arguments: list[str]) -> None:
            if arguments:
                places = ["--raw", settings.raw, "--warehouse", settings.warehouse]
                given = ["run", name, *places, "--profile", "databricks", *arguments]
                self.json = {**self.json, "python_params": given}

    is_command = name == "command"
    job = "maintain" if is_command else name
    if is_command and arguments[:1] != ["maintain"]:
        # The job of upkeep runs any command that it is given.
        places = [] if arguments[:1] == ["load"] else ["--warehouse", settings.warehouse]
        options["json"] = {"python_params": [*arguments, *places]}
    return StrataDatabricks(
        job_name=f"strata {job} ({settings.bundle_target})",
        databricks_conn_id=settings.databricks_connection,
        **options,
    )
