-- One row per order line that counts as sold.
select order_id, sale_date, quantity, revenue
from {{ source('published', 'commerce_order_lines') }}
where is_counted
