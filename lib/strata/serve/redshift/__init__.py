"""Exports in S3 loaded into Redshift: exactly the files of a manifest, in one transaction.

Nothing here reads a warehouse: the manifest that `strata export` put last is all that counts.
"""

from strata.serve.redshift.load import Loaded, load_export

__all__ = ["Loaded", "load_export"]
