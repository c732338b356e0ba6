-- The best sellers of each category.
SELECT category_name, rank, product_id, product_name, units, revenue
FROM gold.commerce_top_products
WHERE rank <= 3
ORDER BY category_name, rank
