"""What every job on EMR is started with: the same files that infra/aws/modules/schedule reads.

Spark's settings from conf/spark/emr.conf, the job's environment from infra/emr/spark.json, and the
jars of conf/jars.lock by their place among the artifacts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Spark 4.0, which Sedona's newest jar is for; on Spark 4.1, which emr-spark-8.1.0 has, it fails.
RELEASE = "emr-spark-8.0.0"


@dataclass(frozen=True)
class Places:
    """Where a deployment keeps things; Terraform's outputs name them."""

    artifacts: str
    raw: str
    warehouse: str
    secret: str
    """Name of the secret that holds the pseudonym key; EMR Serverless puts its value in."""
    key_id: str

    @property
    def logs(self) -> str:
        """Where EMR puts its logs."""
        return f"{self.artifacts}/logs/"

    def entry(self, name: str) -> str:
        """The script of a feed, or `command`."""
        return f"{self.artifacts}/jobs/{name}.py"


def spark_settings(places: Places) -> dict[str, str]:
    """Everything that a job's `spark-defaults` hold."""
    return read_conf(PROJECT / "conf" / "spark" / "emr.conf") | environment(places) | jars(places)


def read_conf(path: Path) -> dict[str, str]:
    """A properties file of Spark, without the packages that it would fetch from the Internet."""
    lines = re.findall(r"^(spark\.\S+)[ \t]+(\S.*)$", path.read_text(), re.MULTILINE)
    return {name: value for name, value in lines if name != "spark.jars.packages"}


def environment(places: Places) -> dict[str, str]:
    """Interpreter, addresses and key of driver and executors."""
    template = json.loads((PROJECT / "infra" / "emr" / "spark.json").read_text())
    return {name: _fill(value, places) for name, value in template.items()}


def _fill(value: str, places: Places) -> str:
    # Not str.format: a regular expression among the values has braces of its own.
    known = {f"{{{name}}}": text for name, text in vars(places).items()}
    return re.sub(r"\{[a-z_]+\}", lambda found: known.get(found.group(), found.group()), value)


def jars(places: Places) -> dict[str, str]:
    """Delta's and Sedona's jars, as package.py puts them beside the jobs."""
    return {"spark.jars": ",".join(f"{places.artifacts}/jars/{name}" for name in jar_names())}


def jar_names() -> list[str]:
    """File names of the locked jars that every run needs."""
    lock = (PROJECT / "conf" / "jars.lock").read_text()
    found = re.findall(r"^spark [^:\s]+:([^:\s]+):(\S+) ", lock, re.MULTILINE)
    return [f"{module}-{revision}.jar" for module, revision in found]
