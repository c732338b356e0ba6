DROP MATERIALIZED VIEW shop.best_sellers;
DROP MATERIALIZED VIEW shop.monthly_product_sales;

CREATE MATERIALIZED VIEW shop.best_sellers AS
SELECT coalesce(p.category_id, '') AS category_id, s.product_id, s.currency,
       sum(s.units)::bigint AS units, sum(s.revenue)::numeric(18,2) AS revenue,
       row_number() OVER (PARTITION BY coalesce(p.category_id, ''), s.currency
                          ORDER BY sum(s.revenue) DESC, s.product_id COLLATE "C") AS rank
FROM shop.daily_product_sales s JOIN shop.products p USING (product_id)
GROUP BY p.category_id, s.product_id, s.currency;
CREATE UNIQUE INDEX best_sellers_key ON shop.best_sellers (category_id, product_id, currency);
CREATE INDEX best_sellers_by_rank ON shop.best_sellers (category_id, currency, rank);
COMMENT ON MATERIALIZED VIEW shop.best_sellers IS 'One row a product and currency, with its rank by revenue within its own category.';

CREATE OR REPLACE FUNCTION strata.refresh_views() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY shop.monthly_category_sales;
    REFRESH MATERIALIZED VIEW CONCURRENTLY shop.best_sellers;
END $$;
