DROP VIEW shop.shown_products;
DROP FUNCTION shop.decided;
