"""Published tables in PostgreSQL: migrations, loads, and a server for newcomers."""
