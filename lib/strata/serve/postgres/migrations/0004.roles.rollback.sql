ALTER DEFAULT PRIVILEGES IN SCHEMA shop REVOKE ALL ON TABLES FROM strata_reader, strata_loader;
REVOKE ALL ON ALL TABLES IN SCHEMA shop, strata FROM strata_reader, strata_loader;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA strata FROM strata_loader;
REVOKE ALL ON SCHEMA shop, copies, strata, staging FROM strata_reader, strata_loader;
