-- Tables of the shop, as their contracts say them: columns, types, keys and comments.
-- tests/doors/test_postgres.py compares them with the contracts, so a change of a contract needs a
-- migration of its own.
CREATE SCHEMA shop;
CREATE SCHEMA copies;
CREATE SCHEMA staging;
CREATE SCHEMA strata;

-- What each table shows; written in the transaction that loads it.
CREATE TABLE strata.loads (
    table_name text PRIMARY KEY,
    source text NOT NULL,
    feed text NOT NULL,
    publication bigint NOT NULL,
    run_id text NOT NULL,
    published_at timestamptz,
    version bigint NOT NULL,
    row_count bigint NOT NULL,
    digest text NOT NULL,
    files jsonb NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE strata.loads IS 'One row a table: the publication that it shows, and its data files with their dates.';

-- Rows that wait in staging, so that a load that was killed need not send them again.
CREATE TABLE strata.staged (
    table_name text PRIMARY KEY,
    work text NOT NULL,
    facts jsonb NOT NULL
);

CREATE TABLE shop.product_categories (
    category_id text NOT NULL,
    category_name text NOT NULL,
    parent_category_id text,
    category_path text NOT NULL,
    top_category_id text NOT NULL,
    top_category_name text NOT NULL,
    level integer NOT NULL,
    PRIMARY KEY (category_id)
);
COMMENT ON TABLE shop.product_categories IS 'Categories, each with its branch. Grain: one row per category.';
COMMENT ON COLUMN shop.product_categories.category_id IS 'Id of the category';
COMMENT ON COLUMN shop.product_categories.category_name IS 'Its name';
COMMENT ON COLUMN shop.product_categories.parent_category_id IS 'Id of the category above it; null at the top';
COMMENT ON COLUMN shop.product_categories.category_path IS 'The names from the top down, joined by '' > ''';
COMMENT ON COLUMN shop.product_categories.top_category_id IS 'Id of the category at the top of its branch';
COMMENT ON COLUMN shop.product_categories.top_category_name IS 'Name of that';
COMMENT ON COLUMN shop.product_categories.level IS '1 at the top';

CREATE TABLE shop.products (
    product_id text NOT NULL,
    valid_from date NOT NULL,
    product_name text,
    names bigint,
    category_id text,
    list_price numeric(12,4),
    currency text NOT NULL,
    created_on date,
    PRIMARY KEY (product_id)
);
COMMENT ON TABLE shop.products IS 'The history of each product: name, category and list price from when to when (slowly changing dimension, type 2). Grain: one row per product and period.';
COMMENT ON COLUMN shop.products.product_id IS 'Id of the product';
COMMENT ON COLUMN shop.products.valid_from IS 'First day of the period: that of its delivery, 1900-01-01 where none is told';
COMMENT ON COLUMN shop.products.product_name IS 'Name of the product';
COMMENT ON COLUMN shop.products.names IS 'How many names lines of sales give it; null where a file of products lists it';
COMMENT ON COLUMN shop.products.category_id IS 'Id of its category';
COMMENT ON COLUMN shop.products.list_price IS 'List price of one unit [currency]';
COMMENT ON COLUMN shop.products.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.products.created_on IS 'Day on which it was listed first';

CREATE TABLE shop.product_periods (
    product_id text NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    is_current boolean NOT NULL,
    product_name text,
    names bigint,
    category_id text,
    list_price numeric(12,4),
    currency text NOT NULL,
    created_on date,
    PRIMARY KEY (product_id, valid_from)
);
COMMENT ON TABLE shop.product_periods IS 'The history of each product: name, category and list price from when to when (slowly changing dimension, type 2). Grain: one row per product and period.';
COMMENT ON COLUMN shop.product_periods.product_id IS 'Id of the product';
COMMENT ON COLUMN shop.product_periods.valid_from IS 'First day of the period: that of its delivery, 1900-01-01 where none is told';
COMMENT ON COLUMN shop.product_periods.valid_to IS 'Day after its last; 9999-12-31 while it is open';
COMMENT ON COLUMN shop.product_periods.is_current IS 'Whether it is the product''s last period';
COMMENT ON COLUMN shop.product_periods.product_name IS 'Name of the product';
COMMENT ON COLUMN shop.product_periods.names IS 'How many names lines of sales give it; null where a file of products lists it';
COMMENT ON COLUMN shop.product_periods.category_id IS 'Id of its category';
COMMENT ON COLUMN shop.product_periods.list_price IS 'List price of one unit [currency]';
COMMENT ON COLUMN shop.product_periods.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.product_periods.created_on IS 'Day on which it was listed first';

CREATE TABLE shop.customers (
    customer_id text NOT NULL,
    country text,
    registered_on date,
    PRIMARY KEY (customer_id)
);
COMMENT ON TABLE shop.customers IS 'Customers: country and day of registration. Grain: one row per customer.';
COMMENT ON COLUMN shop.customers.customer_id IS 'Id of the customer';
COMMENT ON COLUMN shop.customers.country IS 'Country, as the shop writes it';
COMMENT ON COLUMN shop.customers.registered_on IS 'Day of registration';

CREATE TABLE shop.orders (
    order_id text NOT NULL,
    customer_id text,
    order_date date NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    is_counted boolean NOT NULL,
    PRIMARY KEY (order_id, order_date)
) PARTITION BY RANGE (order_date);
COMMENT ON TABLE shop.orders IS 'Orders in their latest state. Grain: one row per order.';
COMMENT ON COLUMN shop.orders.order_id IS 'Id of the order';
COMMENT ON COLUMN shop.orders.customer_id IS 'Id of the customer; null for a guest';
COMMENT ON COLUMN shop.orders.order_date IS 'Day of the order';
COMMENT ON COLUMN shop.orders.status IS 'pending, shipped, delivered, cancelled or returned';
COMMENT ON COLUMN shop.orders.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.orders.is_counted IS 'Whether it counts as sold: neither cancelled nor returned';

CREATE TABLE shop.order_items (
    order_id text NOT NULL,
    order_item_id text NOT NULL,
    sale_date date NOT NULL,
    customer_id text,
    status text,
    is_counted boolean,
    product_id text NOT NULL,
    currency text NOT NULL,
    category_id text,
    quantity integer NOT NULL,
    unit_price numeric(12,4) NOT NULL,
    discount numeric(12,4) NOT NULL,
    revenue numeric(18,2) NOT NULL,
    copies bigint NOT NULL,
    PRIMARY KEY (order_id, order_item_id, sale_date)
) PARTITION BY RANGE (sale_date);
COMMENT ON TABLE shop.order_items IS 'Lines of orders with what each brought. Grain: one row per order and line.';
COMMENT ON COLUMN shop.order_items.order_id IS 'Id of the order';
COMMENT ON COLUMN shop.order_items.order_item_id IS 'Id of the line in its order; for sales the hash of its content';
COMMENT ON COLUMN shop.order_items.sale_date IS 'Day of the order';
COMMENT ON COLUMN shop.order_items.customer_id IS 'Id of the customer; null for a guest';
COMMENT ON COLUMN shop.order_items.status IS 'Status of the order; told whenever sale_date is';
COMMENT ON COLUMN shop.order_items.is_counted IS 'Whether the order counts as sold; told whenever sale_date is';
COMMENT ON COLUMN shop.order_items.product_id IS 'Id of the product';
COMMENT ON COLUMN shop.order_items.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.order_items.category_id IS 'Id of its category';
COMMENT ON COLUMN shop.order_items.quantity IS 'Units; negative in a credit note [units]';
COMMENT ON COLUMN shop.order_items.unit_price IS 'Price of one unit [currency]';
COMMENT ON COLUMN shop.order_items.discount IS 'Amount taken off the line [currency]';
COMMENT ON COLUMN shop.order_items.revenue IS 'unit_price x quantity - discount, rounded half away from zero [currency]';
COMMENT ON COLUMN shop.order_items.copies IS 'How many equal lines of sales it stands for; 1 for a line with an id';

CREATE TABLE shop.order_revenue (
    order_id text NOT NULL,
    customer_id text,
    order_date date NOT NULL,
    status text NOT NULL,
    is_counted boolean NOT NULL,
    currency text NOT NULL,
    lines bigint NOT NULL,
    units bigint NOT NULL,
    revenue numeric(18,2) NOT NULL,
    repeated_lines bigint NOT NULL,
    repeated_revenue numeric(18,2) NOT NULL,
    PRIMARY KEY (order_id)
);
COMMENT ON TABLE shop.order_revenue IS 'What each order brought. Grain: one row per order.';
COMMENT ON COLUMN shop.order_revenue.order_id IS 'Id of the order';
COMMENT ON COLUMN shop.order_revenue.customer_id IS 'Id of the customer; null for a guest';
COMMENT ON COLUMN shop.order_revenue.order_date IS 'Day of the order';
COMMENT ON COLUMN shop.order_revenue.status IS 'pending, shipped, delivered, cancelled or returned';
COMMENT ON COLUMN shop.order_revenue.is_counted IS 'Whether it counts as sold: neither cancelled nor returned';
COMMENT ON COLUMN shop.order_revenue.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.order_revenue.lines IS 'Its lines';
COMMENT ON COLUMN shop.order_revenue.units IS 'Its units [units]';
COMMENT ON COLUMN shop.order_revenue.revenue IS 'Sum of its lines'' revenue [currency]';
COMMENT ON COLUMN shop.order_revenue.repeated_lines IS 'Lines of sales equal to another one of the order, which were folded';
COMMENT ON COLUMN shop.order_revenue.repeated_revenue IS 'What they would add to the revenue, had they been sold too [currency]';

CREATE TABLE shop.daily_product_sales (
    sale_date date NOT NULL,
    product_id text NOT NULL,
    currency text NOT NULL,
    units bigint NOT NULL,
    revenue numeric(18,2) NOT NULL,
    orders bigint NOT NULL,
    PRIMARY KEY (sale_date, product_id, currency)
);
COMMENT ON TABLE shop.daily_product_sales IS 'Sales by day and product. Grain: one row per day, product and currency with sales.';
COMMENT ON COLUMN shop.daily_product_sales.sale_date IS 'Day of the orders';
COMMENT ON COLUMN shop.daily_product_sales.product_id IS 'Id of the product';
COMMENT ON COLUMN shop.daily_product_sales.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.daily_product_sales.units IS 'Units sold, less those taken back [units]';
COMMENT ON COLUMN shop.daily_product_sales.revenue IS 'Sum of the lines'' revenue [currency]';
COMMENT ON COLUMN shop.daily_product_sales.orders IS 'Orders with the product';

CREATE TABLE shop.daily_category_sales (
    sale_date date NOT NULL,
    category_id text NOT NULL,
    currency text NOT NULL,
    units bigint NOT NULL,
    revenue numeric(18,2) NOT NULL,
    orders bigint NOT NULL,
    PRIMARY KEY (sale_date, category_id, currency)
);
COMMENT ON TABLE shop.daily_category_sales IS 'Sales by day and category. Grain: one row per day, category and currency with sales.';
COMMENT ON COLUMN shop.daily_category_sales.sale_date IS 'Day of the orders';
COMMENT ON COLUMN shop.daily_category_sales.category_id IS 'Id of the category';
COMMENT ON COLUMN shop.daily_category_sales.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.daily_category_sales.units IS 'Units sold, less those taken back [units]';
COMMENT ON COLUMN shop.daily_category_sales.revenue IS 'Sum of the lines'' revenue [currency]';
COMMENT ON COLUMN shop.daily_category_sales.orders IS 'Orders with the category';

CREATE TABLE shop.customer_value (
    customer_id text NOT NULL,
    currency text NOT NULL,
    lifetime_value numeric(18,2) NOT NULL,
    orders bigint NOT NULL,
    average_order_value numeric(18,2),
    first_order_date date,
    last_order_date date,
    recency_days integer,
    cancelled_orders bigint NOT NULL,
    returned_orders bigint NOT NULL,
    PRIMARY KEY (customer_id, currency)
);
COMMENT ON TABLE shop.customer_value IS 'What each customer is worth. Grain: one row per customer and currency with an order.';
COMMENT ON COLUMN shop.customer_value.customer_id IS 'Id of the customer';
COMMENT ON COLUMN shop.customer_value.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.customer_value.lifetime_value IS 'Revenue of all orders [currency]';
COMMENT ON COLUMN shop.customer_value.orders IS 'Orders';
COMMENT ON COLUMN shop.customer_value.average_order_value IS 'lifetime_value / orders, rounded half away from zero; null without an order that counts [currency]';
COMMENT ON COLUMN shop.customer_value.first_order_date IS 'Day of the first order';
COMMENT ON COLUMN shop.customer_value.last_order_date IS 'Day of the last order';
COMMENT ON COLUMN shop.customer_value.recency_days IS 'Days from the last order to the newest order of all customers [d]';
COMMENT ON COLUMN shop.customer_value.cancelled_orders IS 'Orders that were cancelled; not counted';
COMMENT ON COLUMN shop.customer_value.returned_orders IS 'Orders that were returned; not counted';

CREATE TABLE shop.top_products (
    category_id text NOT NULL,
    currency text NOT NULL,
    rank integer NOT NULL,
    category_name text NOT NULL,
    product_id text NOT NULL,
    product_name text,
    units bigint NOT NULL,
    revenue numeric(18,2) NOT NULL,
    PRIMARY KEY (category_id, currency, rank)
);
COMMENT ON TABLE shop.top_products IS 'What sells best in each category, by revenue of all days. Grain: one row per category, currency and rank.';
COMMENT ON COLUMN shop.top_products.category_id IS 'Id of the category at the top of the branch';
COMMENT ON COLUMN shop.top_products.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.top_products.rank IS '1 brought most; ties by the product''s id';
COMMENT ON COLUMN shop.top_products.category_name IS 'Name of the category';
COMMENT ON COLUMN shop.top_products.product_id IS 'Id of the product';
COMMENT ON COLUMN shop.top_products.product_name IS 'Name of the product';
COMMENT ON COLUMN shop.top_products.units IS 'Units sold, less those taken back [units]';
COMMENT ON COLUMN shop.top_products.revenue IS 'Revenue [currency]';

CREATE TABLE shop.trends (
    period text NOT NULL,
    period_start date NOT NULL,
    currency text NOT NULL,
    orders bigint NOT NULL,
    units bigint NOT NULL,
    revenue numeric(18,2) NOT NULL,
    revenue_change numeric(18,2),
    PRIMARY KEY (period, period_start, currency)
);
COMMENT ON TABLE shop.trends IS 'Sales by ISO week and by month. Grain: one row per currency and week, and one per currency and month, with sales.';
COMMENT ON COLUMN shop.trends.period IS 'week or month';
COMMENT ON COLUMN shop.trends.period_start IS 'First day of the period';
COMMENT ON COLUMN shop.trends.currency IS 'Currency of the amounts, ISO 4217; XXX where none is told';
COMMENT ON COLUMN shop.trends.orders IS 'Orders';
COMMENT ON COLUMN shop.trends.units IS 'Units sold, less those taken back [units]';
COMMENT ON COLUMN shop.trends.revenue IS 'Revenue [currency]';
COMMENT ON COLUMN shop.trends.revenue_change IS 'Revenue less that of the period just before; null where that had no sales [currency]';

CREATE TABLE shop.dates (
    calendar_date date NOT NULL,
    year integer NOT NULL,
    quarter integer NOT NULL,
    month integer NOT NULL,
    day_of_month integer NOT NULL,
    iso_year integer NOT NULL,
    iso_week integer NOT NULL,
    iso_weekday integer NOT NULL,
    is_weekend boolean NOT NULL,
    fiscal_year integer NOT NULL,
    fiscal_quarter integer NOT NULL,
    is_holiday boolean NOT NULL,
    holiday text,
    PRIMARY KEY (calendar_date)
);
COMMENT ON TABLE shop.dates IS 'The days of every year with an order: a time dimension. Grain: one row per day.';
COMMENT ON COLUMN shop.dates.calendar_date IS 'The day';
COMMENT ON COLUMN shop.dates.year IS 'Calendar year';
COMMENT ON COLUMN shop.dates.quarter IS 'Calendar quarter';
COMMENT ON COLUMN shop.dates.month IS 'Month';
COMMENT ON COLUMN shop.dates.day_of_month IS 'Day of the month';
COMMENT ON COLUMN shop.dates.iso_year IS 'Year of the ISO week (ISO 8601)';
COMMENT ON COLUMN shop.dates.iso_week IS 'ISO week';
COMMENT ON COLUMN shop.dates.iso_weekday IS '1 is Monday';
COMMENT ON COLUMN shop.dates.is_weekend IS 'Saturday or Sunday';
COMMENT ON COLUMN shop.dates.fiscal_year IS 'Fiscal year';
COMMENT ON COLUMN shop.dates.fiscal_quarter IS 'Quarter of the fiscal year';
COMMENT ON COLUMN shop.dates.is_holiday IS 'Whether it is a public holiday';
COMMENT ON COLUMN shop.dates.holiday IS 'Its name';

-- Dates outside every partition land here; a load makes the months first, and checks that this is empty.
CREATE TABLE shop.orders_default PARTITION OF shop.orders DEFAULT;
CREATE TABLE shop.order_items_default PARTITION OF shop.order_items DEFAULT;

-- References are checked at the end of a load, for its tables move together.
ALTER TABLE shop.products ADD CONSTRAINT products_category FOREIGN KEY (category_id)
    REFERENCES shop.product_categories (category_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE shop.orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id)
    REFERENCES shop.customers (customer_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE shop.order_items ADD CONSTRAINT order_items_order FOREIGN KEY (order_id, sale_date)
    REFERENCES shop.orders (order_id, order_date) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE shop.order_items ADD CONSTRAINT order_items_product FOREIGN KEY (product_id)
    REFERENCES shop.products (product_id) DEFERRABLE INITIALLY DEFERRED;

-- Each index serves one question of the API; tests/doors/test_postgres.py looks at the plans.
CREATE INDEX orders_by_customer ON shop.orders (customer_id, order_date DESC, order_id);
CREATE INDEX order_items_by_product ON shop.order_items (product_id, sale_date);
CREATE INDEX products_by_category ON shop.products (category_id);
CREATE INDEX order_revenue_by_customer ON shop.order_revenue (customer_id, order_date DESC, order_id DESC);
CREATE INDEX daily_product_sales_by_product ON shop.daily_product_sales (product_id, sale_date);
CREATE INDEX daily_category_sales_by_category ON shop.daily_category_sales (category_id, sale_date);
