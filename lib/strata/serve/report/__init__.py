"""The report: one HTML page of what is published and how well, that needs no network.

The charts are Plotly's, whose script stands in the page. Each has a table beside it, and the
query by which `strata sql` gives the same rows.
"""

from strata.serve.report.page import PAGE_NAME, write_report

__all__ = ["PAGE_NAME", "write_report"]
