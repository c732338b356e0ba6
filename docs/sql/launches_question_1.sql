-- The most often any core has been reused, and by which cores: flights that count, less one.
SELECT core_id, reuse_count, flights, source_flights, first_launch_at, last_launch_at
FROM gold.launches_core_reuse
WHERE reuse_count = (SELECT max(reuse_count) FROM gold.launches_core_reuse)
ORDER BY core_id
