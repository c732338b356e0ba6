"""Settings: from the command line, then `STRATA_…` environment variables, then `conf/`.

`conf/base.yaml` holds every setting with its default; `conf/<profile>.yaml` what differs there. An
unknown key is an error that names the file and the key. Secrets come from the environment only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import Any

from strata.declare import resources
from strata.declare.documents import read_yaml
from strata.errors import DeclarationError, UsageError
from strata.fs import location
from strata.lake.warehouse import Warehouse

PROFILES = ("local", "emr", "databricks")


@dataclass(frozen=True)
class Settings:
    """Where things lie, and how Spark is started."""

    raw: str
    """Folder or s3:// address of the raw files; they lie at <raw>/<feed>/<source>/."""
    warehouse: str
    """Folder or s3:// address of the tables."""
    log: str = "text"
    """Progress on standard error as `text`, or as `json` lines."""
    spark: dict[str, str] = field(default_factory=dict)
    """Spark settings of this place."""

    def open_warehouse(self) -> Warehouse:
        """The warehouse, its folder made absolute."""
        return Warehouse(location.absolute(self.warehouse))


def load(profile: str | None = None, **given: Any) -> Settings:
    """The settings of this run; `given` holds what the command line says, None where it is
    silent."""
    name = profile or os.environ.get("STRATA_PROFILE") or "local"
    if name not in PROFILES:
        raise UsageError(f"a profile is one of {', '.join(PROFILES)}; got {name!r}")
    values = read_conf("base") | {k: v for k, v in read_conf(name).items() if k != "spark"}
    values["spark"] = {**read_conf("base").get("spark", {}), **read_conf(name).get("spark", {})}
    values |= {
        k: os.environ[f"STRATA_{k.upper()}"]
        for k in ("raw", "warehouse", "log")
        if f"STRATA_{k.upper()}" in os.environ
    }
    values |= {key: value for key, value in given.items() if value is not None}
    if values.get("log") not in ("text", "json"):
        raise UsageError(f"log must be text or json; got {values.get('log')!r}")
    missing = [key for key in ("raw", "warehouse") if not values.get(key)]
    if missing:
        raise UsageError(
            f"a {missing[0]} folder must be told: give --{missing[0]} DIR, or set "
            f"STRATA_{missing[0].upper()}"
        )
    return Settings(**values)


def read_conf(name: str) -> dict[str, Any]:
    """One file of `conf/`, with every key checked."""
    path = resources.folder("conf") / f"{name}.yaml"
    document = read_yaml(path)
    known = {item.name for item in fields(Settings)}
    unknown = sorted(document.keys() - known)
    if unknown:
        raise DeclarationError(
            f"{path}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    spark = document.get("spark") or {}
    if not isinstance(spark, dict):
        raise DeclarationError(f"{path}: spark must be a mapping of Spark settings")
    return {**document, "spark": {str(k): str(v) for k, v in spark.items()}}
