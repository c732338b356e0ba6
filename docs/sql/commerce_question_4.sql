-- The trend of sales by month.
SELECT period_start, orders, units, revenue, revenue_change
FROM gold.commerce_trends
WHERE period = 'month'
ORDER BY period_start
