-- The copies can be loaded again from what is published.
DROP SCHEMA shop CASCADE;
DROP SCHEMA copies CASCADE;
DROP SCHEMA staging CASCADE;
DROP SCHEMA strata CASCADE;
