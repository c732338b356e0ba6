"""How Spark starts."""
