"""Places: files and objects, and what goes wrong with them."""
