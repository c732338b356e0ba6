#!/usr/bin/env bash
# Puts Sedona's two jars among the runtime's own before Spark starts, from the volume of jars.
# infra/databricks/grants.sql makes the volume; `python infra/emr/package.py DIR` lays out the jars (DIR/jars).
set -euo pipefail
for jar in /Volumes/strata/raw/jars/sedona-spark-shaded-*.jar /Volumes/strata/raw/jars/geotools-wrapper-*.jar; do
    [ -f "$jar" ] || { echo "strata: $jar is missing; copy Sedona's jars there" >&2; exit 1; }
    cp "$jar" /databricks/jars/
done
