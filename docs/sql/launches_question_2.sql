-- The cores that were reused in less than 50 days since their previous launch, and when.
SELECT core_id, previous_launch_at, launch_at, turnaround_days
FROM gold.launches_core_turnarounds
WHERE turnaround_days < 50
ORDER BY turnaround_days, core_id, launch_at
