"""A Spark Thrift server of published tables: JDBC, ODBC and every HiveServer2 client reads by it.

Clients' sessions are guarded within Spark, by the extension in `java/`: it parses each statement
with Spark's own parser, refuses what does more than read, and puts pinned versions in place of
names. This package compiles it, starts the server, and tells it what is published.
"""

from strata.serve.thrift.door import Door, Server, settings_of
from strata.serve.thrift.guard import settings as guard_settings

__all__ = ["Door", "Server", "guard_settings", "settings_of"]
