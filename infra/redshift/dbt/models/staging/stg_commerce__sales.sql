-- One row per order line that counts as sold.
select order_id, sale_date, currency, quantity, revenue
from {{ source('silver', 'commerce_order_lines') }}
where is_counted
