"""What the report shows of commerce."""

from __future__ import annotations

from strata.kit.chart import Chart, Mark

CHARTS = (
    Chart(
        "Revenue by month",
        """
select strftime(period_start, '%Y-%m') as "Month", revenue as "Revenue", revenue_change as "Change",
  orders as "Orders", units as "Units"
from gold.commerce_trends where period = 'month' order by period_start""",
        Mark.COLUMNS,
        "Month",
        ("Revenue",),
        note="Months without a sale have no column.",
    ),
    Chart(
        "What sold best",
        """
select t.product_name as "Product", t.revenue as "Revenue", t.units as "Units",
  t.category_name as "Category"
from gold.commerce_top_products t order by t.revenue desc, t.product_id limit 15""",
        Mark.BARS,
        "Product",
        ("Revenue",),
    ),
    Chart(
        "Revenue by day",
        """
select sale_date as "Day", sum(revenue) as "Revenue", sum(units) as "Units"
from gold.commerce_daily_product_sales group by sale_date order by sale_date""",
        Mark.LINES,
        "Day",
        ("Revenue",),
    ),
)
