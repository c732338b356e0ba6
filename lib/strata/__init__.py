"""Strata: one lakehouse, five feeds; bronze, silver and gold Delta tables with a gate at every
layer.
"""

__version__ = "0.1.0"
