-- depends: 0005.decisions
-- Months of orders and items refer to each other month by month. A reference between whole tables would check each
-- month of items against every month of orders; the date is part of both keys, so these say the same.
ALTER TABLE shop.order_items DROP CONSTRAINT order_items_order;

-- Makes the months from one day to three months after another, where they are missing.
CREATE OR REPLACE FUNCTION strata.make_partitions(target regclass, first_day date, last_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    month date := date_trunc('month', first_day);
    parent text := strata.month_parent(target);
    own text;
BEGIN
    IF parent = 'order_items' THEN
        PERFORM strata.make_partitions('shop.orders'::regclass, first_day, last_day);
    END IF;
    WHILE month <= last_day + interval '3 months' LOOP
        own := strata.month_name(parent, month);
        IF to_regclass('shop.' || own) IS NULL THEN
            EXECUTE format('CREATE TABLE shop.%I PARTITION OF shop.%I FOR VALUES FROM (%L) TO (%L)',
                own, parent, month, (month + interval '1 month')::date);
            IF parent = 'order_items' THEN
                PERFORM strata.refer_month('shop', own, 'shop', strata.month_name('orders', month));
            END IF;
        END IF;
        month := month + interval '1 month';
    END LOOP;
END $$;

-- The name of a table of the shop that has months; refuses any other.
CREATE FUNCTION strata.month_parent(target regclass) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog AS $$
    SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = target AND n.nspname = 'shop' AND c.relname IN ('orders', 'order_items')
$$;

CREATE FUNCTION strata.month_name(parent text, month date) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog AS $$
    SELECT parent || '_' || to_char(month, 'YYYY_MM')
$$;

CREATE FUNCTION strata.refer_month(items_place text, items text, orders_place text, orders text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT order_items_order FOREIGN KEY (order_id, %s)'
        ' REFERENCES %I.%I (order_id, %s) DEFERRABLE INITIALLY DEFERRED',
        items_place, items, 'sale_date', orders_place, orders, 'order_date');
END $$;

-- A month that is filled aside: a plain table in staging, which becomes a partition when its load commits.
CREATE FUNCTION strata.stage_month(target regclass, month date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    parent text := strata.month_parent(target);
    own text := strata.month_name(parent, month);
    dated text := CASE parent WHEN 'orders' THEN 'order_date' ELSE 'sale_date' END;
BEGIN
    -- What an earlier attempt left, and a month of items that refers to it.
    EXECUTE format('DROP TABLE IF EXISTS staging.%I CASCADE', own);
    EXECUTE format('CREATE TABLE staging.%I (LIKE shop.%I, CONSTRAINT in_month CHECK (%I >= %L AND %I < %L))',
        own, parent, dated, month, dated, (month + interval '1 month')::date);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON staging.%I TO strata_loader', own);
    EXECUTE format('GRANT SELECT ON staging.%I TO strata_reader', own);
    RETURN 'staging.' || own;
END $$;

-- The indexes and the key of its table, and for items the reference to their orders.
CREATE FUNCTION strata.index_month(target regclass, month date, orders_place text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    parent text := strata.month_parent(target);
    own text := strata.month_name(parent, month);
    item record;
BEGIN
    FOR item IN
        SELECT c.contype, pg_get_constraintdef(c.oid) AS key, pg_get_indexdef(i.indexrelid) AS body
        FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'p'
        WHERE i.indrelid = target ORDER BY i.indisprimary DESC, i.indexrelid
    LOOP
        IF item.contype = 'p' THEN
            EXECUTE format('ALTER TABLE staging.%I ADD %s', own, item.key);
        ELSE
            EXECUTE regexp_replace(item.body, '^CREATE INDEX \S+ ON (ONLY )?\S+ ', format('CREATE INDEX ON staging.%I ', own));
        END IF;
    END LOOP;
    IF parent = 'order_items' THEN
        IF orders_place NOT IN ('staging', 'shop') THEN
            RAISE EXCEPTION 'orders stand in staging or in shop; got %', orders_place;
        END IF;
        PERFORM strata.refer_month('staging', own, orders_place, strata.month_name('orders', month));
    END IF;
END $$;

-- Empty months of a table make room for those that were filled aside.
CREATE FUNCTION strata.drop_months(target regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    parent text := strata.month_parent(target);
    own regclass;
    is_filled boolean;
BEGIN
    FOR own IN SELECT inhrelid::regclass FROM pg_inherits
               WHERE inhparent = target AND inhrelid <> ('shop.' || parent || '_default')::regclass
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', own) INTO is_filled;
        IF is_filled THEN
            RAISE EXCEPTION 'only empty months are dropped; % holds rows', own;
        END IF;
        EXECUTE format('DROP TABLE %s', own);
    END LOOP;
END $$;

CREATE FUNCTION strata.attach_months(target regclass, months date[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    parent text := strata.month_parent(target);
    month date;
    own text;
BEGIN
    FOREACH month IN ARRAY months LOOP
        own := strata.month_name(parent, month);
        EXECUTE format('ALTER TABLE staging.%I SET SCHEMA shop', own);
        EXECUTE format('ALTER TABLE shop.%I ATTACH PARTITION shop.%I FOR VALUES FROM (%L) TO (%L)',
            parent, own, month, (month + interval '1 month')::date);
        EXECUTE format('ALTER TABLE shop.%I DROP CONSTRAINT in_month', own);
    END LOOP;
END $$;

-- What a load that was killed left aside and no later one took.
CREATE FUNCTION strata.drop_staged_months() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    own regclass;
BEGIN
    FOR own IN SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'staging' AND c.relkind = 'r' AND c.relname ~ '^(orders|order_items)_\d{4,}_\d\d$'
               ORDER BY c.relname  -- Items before the orders that they refer to.
    LOOP
        EXECUTE format('DROP TABLE %s CASCADE', own);
    END LOOP;
END $$;

-- The planner's counts, which only an owner may renew. A sample of 3,000 rows a month is a tenth of the usual one, and
-- took a tenth of its time; autovacuum looks closer later on.
CREATE FUNCTION strata.analyse(target regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET default_statistics_target = 10 AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = target AND n.nspname IN ('shop', 'staging')) THEN
        RAISE EXCEPTION 'tables of the shop are analysed here; % is none', target;
    END IF;
    EXECUTE format('ANALYZE %s', target);
END $$;

REVOKE ALL ON FUNCTION strata.month_parent, strata.month_name, strata.refer_month, strata.stage_month, strata.index_month,
    strata.drop_months, strata.attach_months, strata.drop_staged_months, strata.analyse FROM PUBLIC;
GRANT EXECUTE ON FUNCTION strata.stage_month, strata.index_month, strata.drop_months, strata.attach_months,
    strata.drop_staged_months, strata.analyse TO strata_loader;

-- The months that are there already.
DO $$
DECLARE
    own text;
BEGIN
    PERFORM strata.refer_month('shop', 'order_items_default', 'shop', 'orders_default');
    FOR own IN SELECT substr(relname, 13) FROM pg_class WHERE relnamespace = 'shop'::regnamespace
               AND relkind = 'r' AND relname ~ '^order_items_\d{4,}_\d\d$'
    LOOP
        PERFORM strata.make_partitions('shop.orders', to_date(own, 'YYYY_MM'), to_date(own, 'YYYY_MM'));
        PERFORM strata.refer_month('shop', 'order_items_' || own, 'shop', 'orders_' || own);
    END LOOP;
END $$;
