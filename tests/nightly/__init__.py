"""What is too long for every change: `make nightly` runs what bears the marker `nightly`."""
