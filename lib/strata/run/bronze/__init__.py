"""Bronze tables: records of raw files (`rows`), written by Arrow (`files`, `write`).

Before it, `arrivals` has looked at each file, and `way` has chosen. After it: the quarantine.
"""
