"""The shop's GraphQL API over PostgreSQL: what was sold, to whom, and decisions on products."""
