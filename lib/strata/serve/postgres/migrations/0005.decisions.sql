-- Decisions on products: rows are added and never changed, but for where their file lies and who took them.
CREATE TABLE shop.product_decisions (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id text NOT NULL,
    decided_at timestamptz NOT NULL,
    decided_by text NOT NULL CHECK (decided_by <> ''),
    why text NOT NULL CHECK (why <> ''),
    changes jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array' AND jsonb_array_length(changes) > 0),
    undoes bigint REFERENCES shop.product_decisions (decision_id),
    file text UNIQUE,
    taken_in bigint
);
CREATE INDEX product_decisions_by_product ON shop.product_decisions (product_id, decision_id);
COMMENT ON TABLE shop.product_decisions IS 'One row a decision: who changed what of a product, when and why.';
COMMENT ON COLUMN shop.product_decisions.changes IS 'field, was and becomes of each change';
COMMENT ON COLUMN shop.product_decisions.file IS 'Its raw file; NULL until it is written';
COMMENT ON COLUMN shop.product_decisions.taken_in IS 'The publication that took it; NULL until then';

-- Tables of the shop are the loader's to fill; decisions are not.
REVOKE ALL ON shop.product_decisions FROM strata_loader;
GRANT SELECT, UPDATE (taken_in) ON shop.product_decisions TO strata_loader;
GRANT USAGE ON SCHEMA shop TO strata_editor;
GRANT SELECT ON shop.products, shop.product_categories, shop.product_decisions TO strata_editor;
GRANT INSERT (product_id, decided_at, decided_by, why, changes, undoes), UPDATE (file)
    ON shop.product_decisions TO strata_editor;
