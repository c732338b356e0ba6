"""How clients connect, in the words that each asks for."""

from __future__ import annotations

from strata.serve.thrift.door import Door
from strata.serve.thrift.guard import spark_home

_TRUST = ";ssl=true;sslTrustStore=FILE;trustStorePassword=PASSWORD"


def how_to(door: Door, port: int) -> str:
    """The address in the forms of JDBC, beeline, Python, dbt, DBeaver and Superset."""
    host = door.host
    url = f"jdbc:hive2://{host}:{port}/gold" + (_TRUST if door.access.keystore else "")
    asked = door.access.kind != "NONE"
    login = " -n NAME -p PASSWORD" if asked else ""
    auth = ', username="NAME", password="PASSWORD", auth="CUSTOM"' if asked else ""
    who = "NAME:PASSWORD@" if asked else ""
    dbt = ", auth: CUSTOM, user: NAME, password: PASSWORD" if asked else ""
    return f"""Published tables by SQL, read-only, at {host}:{port}
  Databases   gold, silver, quarantine, ops
  JDBC        {url}
  beeline     {_beeline()} -u '{url}'{login}
  Python      pip install 'pyhive[hive_pure_sasl]'
              pyhive.hive.connect("{host}", {port}, database="gold"{auth})
  dbt         type: spark, method: thrift, host: {host}, port: {port}, schema: gold{dbt}
  DBeaver     a connection of type Apache Hive or Apache Spark, with the JDBC address
  Superset    a database with the address hive://{who}{host}:{port}/gold
Ctrl-C ends it."""


def _beeline() -> str:
    """The one that pyspark brings: it finds its Java and jars where it lies."""
    return str(spark_home() / "bin" / "beeline")
