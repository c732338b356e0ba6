-- The history of the customers who spent most.
SELECT customer_id, lifetime_value, orders, average_order_value, first_order_date, last_order_date
FROM gold.commerce_customer_value
ORDER BY lifetime_value DESC, customer_id
LIMIT 10
