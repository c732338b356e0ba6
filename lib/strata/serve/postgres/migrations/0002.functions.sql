-- What the loader may do with tables that it does not own, and no more.

-- Makes the months from one day to three months after another, where they are missing.
CREATE FUNCTION strata.make_partitions(target regclass, first_day date, last_day date) RETURNS void
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

-- Indexes and references that a first load takes away and makes again, in the order of making.
CREATE TABLE strata.waiting (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stage integer NOT NULL,
    statement text NOT NULL
);

CREATE FUNCTION strata.drop_indexes(targets regclass[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    item record;
BEGIN
    IF EXISTS (SELECT FROM unnest(targets) t JOIN pg_class c ON c.oid = t
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname <> 'shop') THEN
        RAISE EXCEPTION 'indexes are taken away from tables of the shop only';
    END IF;
    FOR item IN
        SELECT conrelid::regclass AS own, conname, contype, pg_get_constraintdef(oid) AS body
        FROM pg_constraint
        WHERE conparentid = 0 AND contype IN ('f', 'p', 'u')
          AND (conrelid = ANY (targets) OR (contype = 'f' AND confrelid = ANY (targets)))
        ORDER BY contype = 'f' DESC
    LOOP
        INSERT INTO strata.waiting (stage, statement) VALUES (
            CASE WHEN item.contype = 'f' THEN 3 ELSE 1 END,
            format('ALTER TABLE %s ADD CONSTRAINT %I %s', item.own, item.conname, item.body));
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', item.own, item.conname);
    END LOOP;
    FOR item IN
        SELECT i.indexrelid::regclass AS own, pg_get_indexdef(i.indexrelid) AS body
        FROM pg_index i WHERE i.indrelid = ANY (targets)
    LOOP
        INSERT INTO strata.waiting (stage, statement) VALUES (2, replace(item.body, ' ON ONLY ', ' ON '));
        EXECUTE format('DROP INDEX %s', item.own);
    END LOOP;
END $$;

CREATE FUNCTION strata.restore_indexes() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT statement FROM strata.waiting ORDER BY stage, position LOOP
        EXECUTE item.statement;
    END LOOP;
    DELETE FROM strata.waiting;
END $$;

REVOKE ALL ON FUNCTION strata.make_partitions, strata.drop_indexes, strata.restore_indexes FROM PUBLIC;
