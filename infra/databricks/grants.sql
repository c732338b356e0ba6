-- Once a workspace, by an administrator: the place of the tables, and who may reach it.
-- A storage credential is a role of AWS, not a key; infra/aws makes the bucket that it may reach.

CREATE EXTERNAL LOCATION IF NOT EXISTS strata_warehouse
  URL 's3://strata-prod-warehouse'
  WITH (STORAGE CREDENTIAL strata)
  COMMENT 'Path tables of Strata. Nobody makes catalogued tables of these paths: a name would show unpublished versions.';

-- Jobs write; readers get what is published, by views of pinned versions, and no path.
GRANT READ FILES, WRITE FILES ON EXTERNAL LOCATION strata_warehouse TO `data-engineers`;

CREATE CATALOG IF NOT EXISTS strata COMMENT 'Raw files and published views of Strata';
CREATE SCHEMA IF NOT EXISTS strata.raw;
CREATE VOLUME IF NOT EXISTS strata.raw.jars COMMENT 'Sedona''s jars, for the init script';
GRANT USE CATALOG ON CATALOG strata TO `analysts`;
