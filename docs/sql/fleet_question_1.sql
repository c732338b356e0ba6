-- Each vehicle's days: distance, time moving and idle, top speed and fuel.
SELECT vehicle_id, day_date, fixes, distance_km, moving_s, idle_s, top_speed_kmh, fuel_used_pct
FROM gold.fleet_vehicle_days
ORDER BY vehicle_id, day_date
LIMIT 10
