-- Owner: makes and changes tables, by migrations. Loader: fills them. Reader: reads the shop, and nothing else.
-- The roles themselves and their limits of time stand in serve/postgres/migrate.py: a cluster has them once.
GRANT USAGE ON SCHEMA shop, copies, strata TO strata_loader, strata_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA shop, copies TO strata_reader;
GRANT SELECT ON strata.loads TO strata_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO strata_reader;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO strata_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO strata_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON strata.loads, strata.staged TO strata_loader;
GRANT USAGE, CREATE ON SCHEMA staging, copies TO strata_loader;
GRANT EXECUTE ON FUNCTION strata.make_partitions, strata.drop_indexes, strata.restore_indexes, strata.refresh_views
    TO strata_loader;
