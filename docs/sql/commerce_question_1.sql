-- Sales of each product: units, revenue and days with a sale, best first.
SELECT product_id, CAST(sum(units) AS BIGINT) AS units, CAST(sum(revenue) AS DECIMAL(28, 2)) AS revenue,
  count(*) AS days
FROM gold.commerce_daily_product_sales
GROUP BY product_id
ORDER BY revenue DESC, product_id
LIMIT 10
