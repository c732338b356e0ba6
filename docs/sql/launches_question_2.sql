-- The cores that were reused in less than 50 days since their previous launch, for certain, and when. Where a date
-- is known to the day only, turnaround_days is the most that can have passed, and least_turnaround_days the least.
SELECT core_id, previous_launch_at, launch_at, turnaround_rule, least_turnaround_days, turnaround_days
FROM gold.launches_core_turnarounds
WHERE turnaround_days < 50
ORDER BY turnaround_days, core_id, launch_at
