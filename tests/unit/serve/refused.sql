# Statements that a reader may not run, one a line. Each is harmless in itself: it names nothing
# that matters, and is refused before it could do anything. DuckDB, Spark and the Thrift server
# refuse all of them; most are one dialect's, and not even a query in the others.

# --- writes rows ---
INSERT INTO gold.toy_days VALUES (DATE '2026-01-01', 1, 1)
INSERT INTO gold.toy_days SELECT * FROM gold.toy_days
INSERT OVERWRITE gold.toy_days SELECT * FROM gold.toy_days
INSERT OVERWRITE TABLE gold.toy_days VALUES (DATE '2026-01-01', 1, 1)
INSERT OR REPLACE INTO gold.toy_days VALUES (DATE '2026-01-01', 1, 1)
INSERT INTO gold.toy_days REPLACE WHERE sales = 1 SELECT * FROM gold.toy_days
FROM gold.toy_days INSERT INTO gold.toy_days SELECT *
WITH x AS (SELECT 1) INSERT INTO gold.toy_days SELECT * FROM x
UPDATE gold.toy_days SET sales = 0
UPDATE gold.toy_days SET sales = 0 WHERE sales > 1
DELETE FROM gold.toy_days
DELETE FROM gold.toy_days WHERE sales = 1
WITH x AS (DELETE FROM gold.toy_days RETURNING *) SELECT * FROM x
TRUNCATE gold.toy_days
TRUNCATE TABLE gold.toy_days
MERGE INTO gold.toy_days t USING gold.toy_days s ON t.sales = s.sales WHEN MATCHED THEN DELETE
MERGE INTO gold.toy_days t USING gold.toy_days s ON t.sales = s.sales WHEN MATCHED THEN UPDATE SET sales = 0
MERGE INTO gold.toy_days t USING gold.toy_days s ON t.sales = s.sales WHEN NOT MATCHED THEN INSERT *
MERGE WITH SCHEMA EVOLUTION INTO gold.toy_days t USING gold.toy_days s ON true WHEN NOT MATCHED THEN INSERT *
LOAD DATA INPATH 'none' INTO TABLE gold.toy_days
LOAD DATA LOCAL INPATH 'none' OVERWRITE INTO TABLE gold.toy_days
COPY gold.toy_days FROM 'none.csv'
COPY gold.toy_days FROM 'none.parquet' (FORMAT parquet)
COPY INTO gold.toy_days FROM 'none' FILEFORMAT = CSV
REFRESH TABLE gold.toy_days
REFRESH 'none'
REFRESH FUNCTION f
MSCK REPAIR TABLE gold.toy_days
REPAIR TABLE gold.toy_days
ANALYZE TABLE gold.toy_days COMPUTE STATISTICS
ANALYZE TABLE gold.toy_days COMPUTE STATISTICS FOR ALL COLUMNS
ANALYZE TABLES IN gold COMPUTE STATISTICS
ANALYZE
ANALYZE gold.toy_days
CACHE TABLE gold.toy_days
CACHE LAZY TABLE x AS SELECT 1
UNCACHE TABLE gold.toy_days
UNCACHE TABLE IF EXISTS gold.toy_days
CLEAR CACHE

# --- Delta's own ---
OPTIMIZE gold.toy_days
OPTIMIZE gold.toy_days ZORDER BY (sales)
VACUUM gold.toy_days
VACUUM gold.toy_days RETAIN 0 HOURS
VACUUM gold.toy_days DRY RUN
VACUUM LITE gold.toy_days
RESTORE TABLE gold.toy_days TO VERSION AS OF 0
RESTORE gold.toy_days TO TIMESTAMP AS OF '2026-01-01'
REORG TABLE gold.toy_days APPLY (PURGE)
CONVERT TO DELTA parquet.`none`
CREATE TABLE x SHALLOW CLONE gold.toy_days
CREATE OR REPLACE TABLE x CLONE gold.toy_days
GENERATE symlink_format_manifest FOR TABLE gold.toy_days
DESCRIBE HISTORY gold.toy_days
DESCRIBE DETAIL gold.toy_days
SYNC IDENTITY gold.toy_days
ALTER TABLE gold.toy_days CLUSTER BY (sales)
ALTER TABLE gold.toy_days DROP FEATURE deletionVectors
ALTER TABLE gold.toy_days ALTER COLUMN sales SYNC IDENTITY

# --- makes, changes and drops ---
CREATE TABLE gold.x (a INT)
CREATE TABLE gold.x AS SELECT * FROM gold.toy_days
CREATE TABLE gold.x USING delta AS SELECT 1 AS a
CREATE TABLE gold.x USING delta LOCATION 'none'
CREATE TABLE gold.x USING csv OPTIONS (path 'none')
CREATE TABLE IF NOT EXISTS x LIKE gold.toy_days
CREATE EXTERNAL TABLE x (a INT) LOCATION 'none'
CREATE OR REPLACE TABLE gold.toy_days AS SELECT 1 AS a
REPLACE TABLE gold.toy_days AS SELECT 1 AS a
CREATE TEMP TABLE x AS SELECT 1
CREATE TEMPORARY TABLE x (a INT)
CREATE OR REPLACE TEMP TABLE x AS SELECT 1
CREATE VIEW gold.x AS SELECT 1
CREATE OR REPLACE VIEW gold.toy_days AS SELECT 1 AS a
CREATE TEMP VIEW x AS SELECT 1
CREATE OR REPLACE TEMPORARY VIEW x AS SELECT 1
CREATE GLOBAL TEMPORARY VIEW x AS SELECT 1
CREATE TEMPORARY VIEW x USING csv OPTIONS (path 'none')
CREATE TEMP VIEW x USING org.apache.spark.sql.jdbc OPTIONS (url 'jdbc:none')
CREATE DATABASE x
CREATE SCHEMA x
CREATE SCHEMA IF NOT EXISTS x LOCATION 'none'
CREATE NAMESPACE x
CREATE FUNCTION f AS 'none.F'
CREATE FUNCTION f AS 'none.F' USING JAR 'none.jar'
CREATE TEMPORARY FUNCTION f AS 'none.F'
CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN 1
CREATE FUNCTION f(a) AS a + 1
CREATE MACRO f(a) AS a + 1
CREATE OR REPLACE MACRO f(a) AS TABLE SELECT a
CREATE INDEX i ON gold.toy_days (sales)
CREATE SEQUENCE s
CREATE TYPE t AS ENUM ('a')
CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'x')
CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'x', SECRET 'x')
CREATE CATALOG x
CREATE TRIGGER x
DECLARE VARIABLE v INT DEFAULT 1
DECLARE OR REPLACE v INT
DROP TABLE gold.toy_days
DROP TABLE IF EXISTS gold.toy_days PURGE
DROP VIEW gold.toy_days
DROP VIEW IF EXISTS gold.toy_days
DROP DATABASE gold CASCADE
DROP SCHEMA gold
DROP SCHEMA IF EXISTS gold CASCADE
DROP FUNCTION f
DROP TEMPORARY FUNCTION IF EXISTS f
DROP MACRO f
DROP INDEX i
DROP SECRET s
DROP SEQUENCE s
DROP TYPE t
DROP TEMPORARY VARIABLE v
UNDROP TABLE gold.toy_days
ALTER TABLE gold.toy_days RENAME TO gold.x
ALTER TABLE gold.toy_days ADD COLUMN a INT
ALTER TABLE gold.toy_days ADD COLUMNS (a INT)
ALTER TABLE gold.toy_days DROP COLUMN sales
ALTER TABLE gold.toy_days RENAME COLUMN sales TO a
ALTER TABLE gold.toy_days ALTER COLUMN sales TYPE BIGINT
ALTER TABLE gold.toy_days ALTER COLUMN sales COMMENT 'x'
ALTER TABLE gold.toy_days ALTER COLUMN sales DROP NOT NULL
ALTER TABLE gold.toy_days SET TBLPROPERTIES ('a' = 'b')
ALTER TABLE gold.toy_days UNSET TBLPROPERTIES ('a')
ALTER TABLE gold.toy_days SET LOCATION 'none'
ALTER TABLE gold.toy_days ADD PARTITION (a = 1)
ALTER TABLE gold.toy_days DROP PARTITION (a = 1)
ALTER TABLE gold.toy_days RECOVER PARTITIONS
ALTER TABLE gold.toy_days ADD CONSTRAINT c CHECK (sales > 0)
ALTER TABLE gold.toy_days DROP CONSTRAINT c
ALTER VIEW gold.toy_days AS SELECT 1
ALTER VIEW gold.toy_days RENAME TO gold.x
ALTER DATABASE gold SET DBPROPERTIES ('a' = 'b')
ALTER DATABASE gold SET LOCATION 'none'
ALTER SEQUENCE s OWNED BY gold.toy_days
ALTER SCHEMA gold RENAME TO x
COMMENT ON TABLE gold.toy_days IS 'x'
COMMENT ON COLUMN gold.toy_days.sales IS 'x'
COMMENT ON DATABASE gold IS 'x'

# --- reads files, folders and addresses ---
SELECT * FROM 'none.csv'
SELECT * FROM 'none.parquet'
SELECT * FROM 'none.json'
SELECT * FROM "none.csv"
SELECT * FROM '*.csv'
SELECT * FROM 'https://example.org/none.parquet'
SELECT * FROM 's3://none/none.parquet'
SELECT * FROM read_csv('none.csv')
SELECT * FROM read_csv_auto('none.csv')
SELECT * FROM read_csv(['none.csv', 'none2.csv'])
SELECT * FROM read_parquet('none.parquet')
SELECT * FROM parquet_scan('none.parquet')
SELECT * FROM parquet_schema('none.parquet')
SELECT * FROM parquet_metadata('none.parquet')
SELECT * FROM parquet_file_metadata('none.parquet')
SELECT * FROM parquet_kv_metadata('none.parquet')
SELECT * FROM read_json('none.json')
SELECT * FROM read_json_auto('none.json')
SELECT * FROM read_json_objects('none.json')
SELECT * FROM read_ndjson('none.json')
SELECT * FROM read_ndjson_objects('none.json')
SELECT * FROM read_text('none.txt')
SELECT * FROM read_blob('none.bin')
SELECT * FROM read_duckdb('none.db')
SELECT * FROM sniff_csv('none.csv')
SELECT * FROM glob('*')
SELECT * FROM (SELECT * FROM read_text('none.txt'))
SELECT (SELECT content FROM read_text('none.txt'))
SELECT * FROM gold.toy_days WHERE sales IN (SELECT size FROM read_blob('none'))
WITH x AS (SELECT * FROM read_csv('none.csv')) SELECT * FROM x
SELECT * FROM gold.toy_days, LATERAL (SELECT * FROM glob('*'))
SELECT * FROM gold.toy_days UNION ALL SELECT * FROM read_csv('none.csv')
SELECT * FROM query('SELECT 1')
SELECT * FROM query_table('gold.toy_days')
SELECT * FROM json_execute_serialized_sql('{}')
SELECT * FROM csv.`none.csv`
SELECT * FROM json.`none.json`
SELECT * FROM text.`none.txt`
SELECT * FROM parquet.`none.parquet`
SELECT * FROM orc.`none.orc`
SELECT * FROM avro.`none.avro`
SELECT * FROM binaryFile.`none`
SELECT * FROM delta.`none`
SELECT * FROM geoparquet.`none`
SELECT * FROM geojson.`none`
SELECT * FROM shapefile.`none`
SELECT * FROM delta.`none` VERSION AS OF 0
SELECT * FROM read_files('none')
SELECT * FROM table_changes('gold.toy_days', 0)
SELECT * FROM hive_metastore.gold.toy_days
SELECT * FROM spark_catalog.gold.toy_days
SELECT * FROM memory.gold.toy_days
SELECT * FROM system.information_schema.tables
SELECT input_file_name() FROM gold.toy_days
COPY (SELECT 1) TO 'none.csv'
COPY gold.toy_days TO 'none.parquet' (FORMAT parquet)
COPY (SELECT 1) TO '/dev/stdout'
COPY FROM DATABASE memory TO x
EXPORT DATABASE 'none'
IMPORT DATABASE 'none'
INSERT OVERWRITE DIRECTORY 'none' USING csv SELECT 1
INSERT OVERWRITE LOCAL DIRECTORY 'none' SELECT 1
ATTACH 'none.db'
ATTACH 'none.db' AS x (READ_ONLY)
ATTACH ':memory:' AS x
ATTACH 'https://example.org/none.db'
DETACH memory

# --- settings, extensions, sessions ---
SET threads = 1
SET memory_limit = '1GB'
SET enable_external_access = true
SET lock_configuration = false
SET TimeZone = 'Asia/Kolkata'
SET VARIABLE v = 1
SET GLOBAL threads = 1
SET SESSION threads = 1
SET spark.sql.ansi.enabled = false
SET spark.sql.shuffle.partitions = 1
SET spark.sql.extensions
SET -v
SET
SET TIME ZONE 'UTC'
SET TIME ZONE LOCAL
SET CATALOG spark_catalog
SET VAR v = 1
SET ROLE admin
RESET
RESET threads
RESET spark.sql.ansi.enabled
RESET VARIABLE v
PRAGMA threads = 1
PRAGMA database_list
PRAGMA enable_profiling
PRAGMA enable_verification
PRAGMA table_info('gold.toy_days')
PRAGMA version
CALL pragma_version()
CALL enable_logging()
CALL system.none()
CALL duckdb_settings()
INSTALL httpfs
INSTALL spatial FROM community
FORCE INSTALL httpfs
LOAD httpfs
LOAD 'none.duckdb_extension'
UPDATE EXTENSIONS
CHECKPOINT
FORCE CHECKPOINT
ADD JAR none.jar
ADD JARS 'none.jar'
ADD FILE none.py
ADD ARCHIVE none.zip
DELETE JAR none.jar
LIST JARS
LIST FILES
USE gold
USE memory
USE spark_catalog.gold
USE DATABASE gold
BEGIN
BEGIN TRANSACTION
START TRANSACTION
COMMIT
ROLLBACK
PREPARE p AS SELECT 1
EXECUTE p
EXECUTE IMMEDIATE 'SELECT 1'
DEALLOCATE p
DFS -ls none
! ls
SOURCE none.sql
GRANT SELECT ON gold.toy_days TO x
REVOKE SELECT ON gold.toy_days FROM x
CREATE ROLE x
DROP ROLE x
KILL 1

# --- looks into the engine, the process or the machine ---
SELECT getenv('NONE')
SELECT current_setting('threads')
SELECT getvariable('v')
SELECT current_query()
SELECT nextval('s')
SELECT currval('s')
SELECT setseed(0.5)
SELECT write_log('x')
SELECT sleep_ms(1)
SELECT pg_sleep(0)
SELECT error('x')
SELECT upper(getenv('NONE')) FROM gold.toy_days
SELECT sales FROM gold.toy_days ORDER BY getenv('NONE')
SELECT count(*) FILTER (WHERE getenv('NONE') IS NULL) FROM gold.toy_days
SELECT list_transform([1], x -> getenv('NONE'))
SELECT system.main.getenv('NONE')
SELECT reflect('java.util.UUID', 'randomUUID')
SELECT try_reflect('java.util.UUID', 'randomUUID')
SELECT java_method('java.util.UUID', 'randomUUID')
SELECT upper(reflect('java.util.UUID', 'randomUUID'))
SELECT raise_error('x')
SELECT assert_true(false)
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_extensions()
SELECT * FROM duckdb_tables()
SELECT * FROM duckdb_views()
SELECT * FROM duckdb_functions()
SELECT * FROM duckdb_variables()
SELECT * FROM duckdb_databases()
SELECT * FROM duckdb_memory()
SELECT * FROM duckdb_temporary_files()
SELECT * FROM duckdb_logs()
SELECT * FROM which_secret('s3://none', 's3')
SELECT * FROM pragma_table_info('gold.toy_days')
SELECT * FROM pragma_version()
SELECT * FROM pragma_database_size()
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM pandas_scan(1)
SELECT * FROM python_map_function(1)
SELECT * FROM information_schema.tables
SELECT * FROM information_schema.columns
SELECT * FROM pg_catalog.pg_tables
SELECT * FROM sqlite_master
SELECT * FROM main.pinned_0
SELECT * FROM pinned_0
SELECT * FROM rows
SELECT * FROM published
SHOW ALL TABLES

# --- more than one, or none ---
SELECT 1; SELECT 2
SELECT 1; DROP TABLE gold.toy_days
SELECT 1; SET threads = 1
SELECT 1 /* x */; DELETE FROM gold.toy_days
SELECT * FROM gold.toy_days; COPY (SELECT 1) TO 'none.csv'
SELECT 1 INTO x
SELECT * INTO gold.x FROM gold.toy_days
;
EXPLAIN ANALYZE INSERT INTO gold.toy_days SELECT * FROM gold.toy_days
EXPLAIN DELETE FROM gold.toy_days
EXPLAIN ANALYZE DELETE FROM gold.toy_days
EXPLAIN COPY (SELECT 1) TO 'none.csv'

# --- what hides within a query ---
SELECT TRANSFORM (sales) USING 'cat' AS (a STRING) FROM gold.toy_days
SELECT MAP (sales) USING 'cat' AS (a STRING) FROM gold.toy_days
FROM gold.toy_days REDUCE sales USING 'cat' AS (a STRING)
FROM csv.`none.csv` SELECT *
SELECT count(*) OVER w FROM gold.toy_days WINDOW w AS (ORDER BY reflect('java.util.UUID', 'randomUUID'))
SELECT * FROM gold.toy_days LIMIT length(reflect('java.util.UUID', 'randomUUID'))
SELECT * FROM VALUES (reflect('java.util.UUID', 'randomUUID')) AS x(a)
VALUES (reflect('java.util.UUID', 'randomUUID'))
WITH x AS (SELECT reflect('java.util.UUID', 'randomUUID')) SELECT 1
WITH x AS (SELECT * FROM json.`none.json`) SELECT 1
SELECT (SELECT max(reflect('java.util.UUID', 'randomUUID')))
SELECT 1 WHERE EXISTS (SELECT java_method('java.util.UUID', 'randomUUID'))
SELECT transform(array(1), x -> reflect('java.util.UUID', 'randomUUID'))
SELECT CASE WHEN true THEN reflect('java.util.UUID', 'randomUUID') END
SELECT /*+ BROADCAST(x) */ reflect('java.util.UUID', 'randomUUID') FROM gold.toy_days x
SELECT * FROM gold.toy_days x JOIN text.`none.txt` y ON true
SELECT * FROM gold.toy_days LATERAL VIEW explode(array(reflect('java.util.UUID', 'randomUUID'))) t AS a
SELECT * FROM gold.toy_days PIVOT (max(reflect('java.util.UUID', 'randomUUID')) FOR sales IN (1, 2))
SELECT sales, count(*) FROM gold.toy_days GROUP BY sales HAVING max(reflect('java.util.UUID', 'randomUUID')) > ''
SELECT Reflect('java.util.UUID', 'randomUUID')
SELECT `reflect`('java.util.UUID', 'randomUUID')
SELECT system.builtin.reflect('java.util.UUID', 'randomUUID')
SELECT from_protobuf(CAST('' AS BINARY), 'M', 'none.desc')
BEGIN SELECT 1; END
BEGIN DROP TABLE gold.toy_days; END
BEGIN DECLARE v INT DEFAULT 1; SET v = 2; SELECT v; END
EXECUTE IMMEDIATE 'DROP TABLE gold.toy_days'
SELECT IDENTIFIER('reflect')('java.util.UUID', 'randomUUID')
SELECT IDENTIFIER('ref' || 'lect')('java.util.UUID', 'randomUUID') FROM gold.toy_days
SELECT * FROM IDENTIFIER('csv' || '.`none.csv`')
SELECT * FROM gold.toy_days |> INSERT INTO gold.toy_days
SELECT * FROM parquet.`none.parquet` VERSION AS OF 0
SELECT * FROM delta.`none@v0`
