DROP FUNCTION strata.refresh_views;
DROP MATERIALIZED VIEW shop.best_sellers;
DROP MATERIALIZED VIEW shop.monthly_category_sales;
