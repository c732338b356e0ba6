DO $$
DECLARE
    own regclass;
BEGIN
    PERFORM strata.drop_staged_months();
    FOR own IN SELECT conrelid::regclass FROM pg_constraint WHERE conname = 'order_items_order' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT order_items_order', own);
    END LOOP;
END $$;
DROP FUNCTION strata.analyse, strata.drop_staged_months, strata.attach_months, strata.drop_months, strata.index_month,
    strata.stage_month;
CREATE OR REPLACE FUNCTION strata.make_partitions(target regclass, first_day date, last_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    month date := date_trunc('month', first_day);
    place text;
    parent text;
BEGIN
    SELECT n.nspname, c.relname INTO STRICT place, parent
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = target AND n.nspname = 'shop' AND c.relkind = 'p';
    WHILE month <= last_day + interval '3 months' LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I.%I PARTITION OF %I.%I FOR VALUES FROM (%L) TO (%L)',
            place, parent || '_' || to_char(month, 'YYYY_MM'), place, parent,
            month, (month + interval '1 month')::date);
        month := month + interval '1 month';
    END LOOP;
END $$;
DROP FUNCTION strata.refer_month, strata.month_name, strata.month_parent;
ALTER TABLE shop.order_items ADD CONSTRAINT order_items_order FOREIGN KEY (order_id, sale_date)
    REFERENCES shop.orders (order_id, order_date) DEFERRABLE INITIALLY DEFERRED;
