-- Decisions that a run has not taken are in their raw files still.
DROP TABLE shop.product_decisions;
REVOKE ALL ON shop.products, shop.product_categories FROM strata_editor;
REVOKE ALL ON SCHEMA shop FROM strata_editor;
