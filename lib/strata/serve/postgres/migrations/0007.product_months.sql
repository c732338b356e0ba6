-- depends: 0006.months
-- Sales of a product by month, which many ask for: of twenty million lines, days are many times as many rows. The best sellers
-- are added up from them too, so that a load goes through the days once.
DROP MATERIALIZED VIEW shop.best_sellers;

CREATE MATERIALIZED VIEW shop.monthly_product_sales AS
SELECT date_trunc('month', sale_date)::date AS month_start, product_id, currency,
       sum(units)::bigint AS units, sum(revenue)::numeric(18,2) AS revenue, sum(orders)::bigint AS orders
FROM shop.daily_product_sales GROUP BY 1, 2, 3;
CREATE UNIQUE INDEX monthly_product_sales_key ON shop.monthly_product_sales (month_start, product_id, currency);
CREATE INDEX monthly_product_sales_by_product ON shop.monthly_product_sales (product_id, month_start);
COMMENT ON MATERIALIZED VIEW shop.monthly_product_sales IS 'One row a month, product and currency.';

CREATE MATERIALIZED VIEW shop.best_sellers AS
SELECT coalesce(p.category_id, '') AS category_id, s.product_id, s.currency,
       sum(s.units)::bigint AS units, sum(s.revenue)::numeric(18,2) AS revenue,
       row_number() OVER (PARTITION BY coalesce(p.category_id, ''), s.currency
                          ORDER BY sum(s.revenue) DESC, s.product_id COLLATE "C") AS rank
FROM shop.monthly_product_sales s JOIN shop.products p USING (product_id)
GROUP BY p.category_id, s.product_id, s.currency;
CREATE UNIQUE INDEX best_sellers_key ON shop.best_sellers (category_id, product_id, currency);
CREATE INDEX best_sellers_by_rank ON shop.best_sellers (category_id, currency, rank);
COMMENT ON MATERIALIZED VIEW shop.best_sellers IS 'One row a product and currency, with its rank by revenue within its own category.';

CREATE OR REPLACE FUNCTION strata.refresh_views() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY shop.monthly_category_sales;
    REFRESH MATERIALIZED VIEW CONCURRENTLY shop.monthly_product_sales;
    REFRESH MATERIALIZED VIEW CONCURRENTLY shop.best_sellers;
END $$;
