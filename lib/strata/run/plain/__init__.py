"""Plain rows: made by a query of DuckDB's, without Spark (`kit.plain`).

Before it, `inputs` has found the files or rows that the query reads, and `way` has chosen. `work`
is what a task is told; `task` asks the query of `query` and writes files; `place` runs it here or
in Spark's executors; `write` has the gate ask the files, and commits. After it: the quarantine.
"""
