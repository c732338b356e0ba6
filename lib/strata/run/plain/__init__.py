"""Plain rows: made by a query of DuckDB's, without Spark (`kit.plain`)."""
