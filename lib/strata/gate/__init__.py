"""The gate: rules as columns, rows split and counted, a verdict."""
