#!/bin/sh
# upper() of DuckDB and of pyarrow turns "straße" into "STRAẞE"; polars, DataFusion and Python make
# "STRASSE". Found with duckdb 2.0.0, pyarrow 26.0.1, polars 2.1.0 and datafusion 55.0.0; exits
# non-zero if that changes.
#
# Expected: the Unicode Standard, section 3.13, "Default Case Conversion": toUppercase maps each
# character by SpecialCasing.txt, which has SS for U+00DF; UnicodeData.txt gives it no capital at
# all. U+1E9E is a choice of spelling: its lower case is U+00DF, and not the other way round.
# Seen: a key made of upper(name) by one engine misses that of the other, in silence, for all names
# with this letter. Java, and so Spark, makes SS; docs/SQL.md tells it of `strata sql`.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    "duckdb==2.0.0" "pyarrow==26.0.1" "polars==2.1.0" "datafusion==55.0.0"
cd "$work"
PYTHONIOENCODING=utf-8 "$work/venv/bin/python" - <<'PYTHON'
import sys

import datafusion
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

WORD, SHARP, PLAIN = "stra\u00dfe", "STRA\u1e9eE", "STRASSE"
QUERY = f"SELECT upper('{WORD}') AS word"
seen = {
    f"duckdb {duckdb.__version__}": duckdb.connect().execute(QUERY).fetchone()[0],
    f"pyarrow {pa.__version__}": pc.utf8_upper(pa.scalar(WORD)).as_py(),
    f"polars {pl.__version__}": pl.Series([WORD]).str.to_uppercase()[0],
    f"datafusion {datafusion.__version__}": pa.table(
        datafusion.SessionContext().sql(QUERY)
    ).column("word")[0].as_py(),
    "Python": WORD.upper(),
}
for engine, word in seen.items():
    print(f"{engine}: {word}")
if list(seen.values()) != [SHARP, SHARP, PLAIN, PLAIN, PLAIN]:
    sys.exit("the behaviour has changed")
PYTHON
