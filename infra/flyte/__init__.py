"""The commerce feed as a Flyte workflow."""
