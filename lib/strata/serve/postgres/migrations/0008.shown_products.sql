-- depends: 0007.product_months
-- Products as they are shown: with the decisions that no publication has taken yet. A change replaces the value that it was made
-- against, and no other. The API reads products here, and the desk of decisions does.
CREATE FUNCTION shop.decided(field text, value text, waiting jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
DECLARE
    change jsonb;
BEGIN
    FOR change IN
        SELECT c.change FROM jsonb_array_elements(waiting) WITH ORDINALITY d (changes, decision)
        CROSS JOIN LATERAL jsonb_array_elements(d.changes) WITH ORDINALITY c (change, place)
        WHERE c.change ->> 'field' = decided.field ORDER BY d.decision, c.place
    LOOP
        IF value IS NOT DISTINCT FROM change ->> 'was' THEN
            value := change ->> 'becomes';
        END IF;
    END LOOP;
    RETURN value;
END $$;
COMMENT ON FUNCTION shop.decided IS 'The value of a product''s field after lists of changes, the oldest first.';

CREATE VIEW shop.shown_products AS
SELECT product_id, product_name, category_id, list_price, currency, valid_from,
       -- What an editor has read: equal states have equal versions.
       left(encode(sha256(convert_to(json_build_array(product_name, category_id, list_price::text)::text, 'UTF8')), 'hex'), 16)
           AS version
FROM (
    SELECT p.product_id, p.currency, p.valid_from,
           CASE WHEN w.waiting IS NULL THEN p.product_name
                ELSE shop.decided('product_name', p.product_name, w.waiting) END AS product_name,
           CASE WHEN w.waiting IS NULL THEN p.category_id
                ELSE shop.decided('category_id', p.category_id, w.waiting) END AS category_id,
           CASE WHEN w.waiting IS NULL THEN p.list_price
                ELSE shop.decided('list_price', p.list_price::text, w.waiting)::numeric(12,4) END AS list_price
    FROM shop.products p CROSS JOIN LATERAL (
        SELECT jsonb_agg(d.changes ORDER BY d.decision_id) AS waiting
        FROM shop.product_decisions d WHERE d.taken_in IS NULL AND d.product_id = p.product_id
    ) w
) decided;
COMMENT ON VIEW shop.shown_products IS 'One row a product, with the decisions that wait for a publication.';

REVOKE ALL ON shop.shown_products FROM strata_loader;
GRANT SELECT ON shop.shown_products TO strata_editor;
