-- Schemas, the day ledger, and the log tables of every step. Idempotent; run before each use.
-- dlt fills raw.*, dbt builds staging.*, build.*, marts.* and quarantine.*; the tables below belong to neither.
-- Privileges: roles.sql and grants.sql.

create schema if not exists raw;
create schema if not exists staging;
create schema if not exists build;
create schema if not exists marts;
create schema if not exists quarantine;
create schema if not exists ops;

-- Tables that were renamed after 0.1.0.
alter table if exists ops.day_fences rename to fencing_tokens;
alter table if exists ops.int_orders_shadowed rename to int_orders_superseded;
alter table if exists ops.int_reviews_shadowed rename to int_reviews_superseded;

-- Orders without a customer, since 0.2.0: published tables of 0.1.0 require one.
do $$
declare
    published regclass;
begin
    for published in
        select attrelid::regclass from pg_attribute
        where attrelid in (to_regclass('marts.fct_orders'), to_regclass('ops.int_orders_superseded'))
        and attname = 'customer_id' and attnotnull
    loop
        execute format('alter table %s alter column customer_id drop not null', published);
    end loop;
end
$$;

-- Refunds, since 0.2.0: nothing of what 0.1.0 published was refunded. Rewrites the orders once.
do $$
declare
    published regclass;
begin
    for published in
        select named.relation
        from (values (to_regclass('marts.fct_orders')), (to_regclass('ops.int_orders_superseded'))) as named (relation)
        where
            named.relation is not null
            and not exists (
                select from pg_attribute
                where attrelid = named.relation and attname = 'net_amount' and not attisdropped
            )
    loop
        execute format('alter table %s add refunds text, add refunded_amount numeric(18, 2) not null default 0', published);
        execute format('alter table %s add net_amount numeric(18, 2)', published);
        execute format('update %s set net_amount = total_amount', published);
        execute format('alter table %s alter net_amount set not null, alter refunded_amount drop default', published);
    end loop;
    for published in
        select attrelid::regclass from pg_attribute
        where attrelid = to_regclass('marts.daily_sales') and attname = 'average_order_value' and attnotnull
    loop
        alter table marts.daily_sales alter average_order_value drop not null;
        alter table marts.daily_sales add refunds numeric(38, 2) not null default 0;
        alter table marts.daily_sales add orders_refunded bigint not null default 0;
        alter table marts.daily_sales add net_revenue numeric(38, 2);
        update marts.daily_sales set net_revenue = revenue;
        alter table marts.customer_order_totals add if not exists total_refunded numeric(38, 2) not null default 0;
    end loop;
end
$$;

-- Rows as sent by the shop's API: declared fields as exact text, versioned by load. dlt could create these tables; they
-- are declared here for the index, and so that staging has its columns before the first load.
create table if not exists raw.orders (
    _load_id text not null,
    _day date not null,
    _row_number integer not null,
    order_id text,
    customer_id text,
    total_amount text,
    order_date text,
    status text,
    items text,  -- JSON: the items of the order, if the shop sends them
    currency text,
    exchange_rate text,
    discount_amount text,
    tax_amount text,
    shipping_amount text,
    is_test text,
    cancelled_at text,
    refunds text,  -- JSON: the refunds of the order, if the shop sends them
    _extra text,   -- JSON of the undeclared fields, keys sorted; of the whole record if it is not an object; null if none
    _escaped text  -- declared fields that landed escaped because Postgres cannot store their text, comma-separated
);
alter table raw.orders add column if not exists items text;
alter table raw.orders add column if not exists currency text;
alter table raw.orders add column if not exists exchange_rate text;
alter table raw.orders add column if not exists discount_amount text;
alter table raw.orders add column if not exists tax_amount text;
alter table raw.orders add column if not exists shipping_amount text;
alter table raw.orders add column if not exists is_test text;
alter table raw.orders add column if not exists cancelled_at text;
alter table raw.orders add column if not exists refunds text;
create index if not exists orders_day_load on raw.orders (_day, _load_id);

create table if not exists raw.reviews (
    _load_id text not null,
    _day date not null,
    _row_number integer not null,
    review_id text,
    product_id text,
    customer_id text,
    rating text,
    review_text text,
    review_date text,
    _extra text,
    _escaped text
);
create index if not exists reviews_day_load on raw.reviews (_day, _load_id);

-- The settings of shop.toml that the staging views judge rows by; one row per dataset, replaced when the file changes.
create table if not exists ops.dataset_settings (
    dataset text primary key,
    time_zone text not null,
    required_fields text[] not null,
    product_id_pattern text,
    max_text_bytes integer not null,
    max_bad_rate numeric not null,
    language text not null,
    amount_unit numeric not null default 1,  -- value of 1 in the shop's amounts: 0.01 for cents
    amount_decimals text not null default 'exact',  -- or 'round': further decimals are rounded half up
    non_revenue_statuses text[] not null default '{}',  -- of orders, from shop.toml
    date_format text not null default 'iso',
    day_is text not null default 'order_date',  -- or 'updated': the logical day is the day of an order's last change
    date_pattern text,  -- of a date_format that is neither ISO 8601 nor Unix time, with the replacement for its groups
    date_rewritten text,
    amount_format text not null default '1234.56',  -- 1234.56 in the shop's notation
    amount_pattern text,  -- for other notations, with the decimal and thousands separators
    amount_signs text,
    item_product_id text[],  -- path within an item of an order; null: the shop sends no items
    item_quantity text[],
    item_price text[],  -- per unit
    item_total text[],  -- of the whole line
    refund_id text[],  -- path within a refund of an order
    refund_amount text[],  -- null: the shop sends no refunds
    refund_date text[],
    refund_tax text[],
    refund_shipping text[],
    refund_currency text[],
    currency text,  -- the shop's own, ISO 4217
    no_customer text[] not null default '{}'  -- ids of customers that mean nobody
);
alter table ops.dataset_settings add column if not exists amount_unit numeric not null default 1;
alter table ops.dataset_settings add column if not exists amount_decimals text not null default 'exact';
alter table ops.dataset_settings add column if not exists non_revenue_statuses text[] not null default '{}';
alter table ops.dataset_settings add column if not exists date_format text not null default 'iso';
alter table ops.dataset_settings add column if not exists day_is text not null default 'order_date';
alter table ops.dataset_settings add column if not exists item_product_id text[];
alter table ops.dataset_settings add column if not exists item_quantity text[];
alter table ops.dataset_settings add column if not exists item_price text[];
alter table ops.dataset_settings add column if not exists item_total text[];
alter table ops.dataset_settings add column if not exists date_pattern text;
alter table ops.dataset_settings add column if not exists date_rewritten text;
alter table ops.dataset_settings add column if not exists amount_format text not null default '1234.56';
alter table ops.dataset_settings add column if not exists amount_pattern text;
alter table ops.dataset_settings add column if not exists amount_signs text;
alter table ops.dataset_settings add column if not exists currency text;
alter table ops.dataset_settings add column if not exists refund_id text[];
alter table ops.dataset_settings add column if not exists refund_amount text[];
alter table ops.dataset_settings add column if not exists refund_date text[];
alter table ops.dataset_settings add column if not exists refund_tax text[];
alter table ops.dataset_settings add column if not exists refund_shipping text[];
alter table ops.dataset_settings add column if not exists refund_currency text[];
alter table ops.dataset_settings add column if not exists no_customer text[] not null default '{}';

-- One row per completely landed load. A load without a row here is half-landed: invisible, and pruned later.
create table if not exists ops.loads (
    load_id text primary key,
    dataset text not null,
    day date not null,
    row_count integer not null,
    page_count integer not null,
    seconds numeric(12, 3) not null,
    fingerprint text not null,
    landed_at timestamptz not null default clock_timestamp(),
    scored_at timestamptz,
    pruned_at timestamptz,
    skipped_count integer not null default 0  -- rows of other days in the response, which did not land
);
alter table ops.loads add column if not exists skipped_count integer not null default 0;
create index if not exists loads_dataset_day on ops.loads (dataset, day, landed_at);

-- Profiles of a load's fields, from a sample of its rows: counts and formats, no ids and no texts.
create table if not exists ops.field_profiles (
    load_id text primary key references ops.loads (load_id),
    dataset text not null,
    day date not null,
    profile jsonb not null,
    breaks_contract boolean,  -- null: not compared yet. A load that breaks the contract is not learned from
    profiled_at timestamptz not null default clock_timestamp()
);
create index if not exists field_profiles_day on ops.field_profiles (dataset, day);

-- The loads from which on an operator accepted another contract. Loads of earlier days no longer shape the contract.
create table if not exists ops.accepted_contracts (
    dataset text not null,
    day date not null,
    load_id text not null references ops.loads (load_id),
    accepted_at timestamptz not null default clock_timestamp(),
    accepted_by text not null default session_user,
    primary key (dataset, day)
);

-- The load that counts for each day, and the load that readers see. A day that was taken out has neither.
create table if not exists ops.day_ledger (
    dataset text not null,
    day date not null,
    admitted_load_id text references ops.loads (load_id),
    admitted_at timestamptz,
    published_load_id text references ops.loads (load_id),
    published_at timestamptz,
    unpublished_at timestamptz,  -- when the day was taken out; null again once a load is admitted
    primary key (dataset, day)
);
alter table ops.day_ledger add column if not exists unpublished_at timestamptz;

create index if not exists day_ledger_pending on ops.day_ledger (dataset, day)
where admitted_load_id is distinct from published_load_id;

-- The fencing token of the run that holds a day, higher for each run: warehouse/locks.py refuses earlier ones.
create table if not exists ops.fencing_tokens (
    dataset text not null,
    day date not null,
    token bigint not null,
    primary key (dataset, day)
);

-- The gate's decision on a load, with its counts and settings.
create table if not exists ops.gate_results (
    load_id text primary key references ops.loads (load_id),
    dataset text not null,
    day date not null,
    row_count integer not null,
    identical_copies integer not null,
    accepted integer not null,
    rejected integer not null,
    rejected_by_reason jsonb not null,
    bad_rate numeric not null,
    max_bad_rate numeric not null,
    decision text not null check (decision in ('passed', 'empty', 'refused')),
    settings jsonb not null,
    decided_at timestamptz not null default clock_timestamp(),
    check (row_count = accepted + rejected + identical_copies)
);
create index if not exists gate_results_dataset_day on ops.gate_results (dataset, day, decided_at);

-- The state of each day, for people: the published load, and the gate's result on the newest load. A day that was taken
-- out is unpublished until a newer load is judged.
create or replace view ops.day_states as
with newest_results as (
    select distinct on (dataset, day) * from ops.gate_results order by dataset, day, decided_at desc
)
select
    coalesce(ledger.dataset, results.dataset) as dataset,
    coalesce(ledger.day, results.day) as day,
    case
        when ledger.published_load_id is distinct from ledger.admitted_load_id then 'waiting'
        when ledger.unpublished_at > coalesce(results.decided_at, '-infinity') then 'unpublished'
        when ledger.admitted_load_id is null then 'refused'
        when results.decision = 'refused' then 'published, newer load refused'
        else 'published'
    end as state,
    results.accepted,
    results.rejected,
    results.bad_rate,
    ledger.published_at
from ops.day_ledger as ledger
full join newest_results as results on ledger.dataset = results.dataset and ledger.day = results.day;

-- What reads a relation: views, materialized views, functions and so on, with the kind and name that `drop` takes.
create or replace function ops.dependents(relation oid) returns table (kind text, name text) language sql stable as $$
    select distinct identified.type, identified.identity
    from pg_class
    inner join pg_type as row_type on pg_class.reltype = row_type.oid
    inner join pg_depend
        on
            pg_depend.deptype = 'n'
            and (pg_depend.refclassid, pg_depend.refobjid) in (
                ('pg_class'::regclass, pg_class.oid),
                ('pg_type'::regclass, row_type.oid),
                ('pg_type'::regclass, row_type.typarray)
            )
    left join pg_rewrite on pg_depend.classid = 'pg_rewrite'::regclass and pg_depend.objid = pg_rewrite.oid
    cross join lateral pg_identify_object(
        case when pg_rewrite.oid is null then pg_depend.classid else 'pg_class'::regclass end,
        coalesce(pg_rewrite.ev_class, pg_depend.objid),
        0
    ) as identified
    where pg_class.oid = relation and pg_rewrite.ev_class is distinct from relation
$$;

-- Sentiment of review texts, scored once per load.
create table if not exists staging.review_sentiment (
    _load_id text not null,
    _day date not null,
    _row_number integer not null,
    sentiment text not null check (sentiment in ('positive', 'neutral', 'negative')),
    sentiment_method text not null,
    primary key (_load_id, _row_number)
);

-- Erased customers: their rows are left out of every later load.
create table if not exists ops.forgotten_customers (
    customer_hash text primary key,  -- SHA-256 of the id
    forgotten_at timestamptz not null default clock_timestamp()
);

-- Who changed what readers see, or erased a customer, by a command. No customer: an erasure has no subject.
create table if not exists ops.operator_actions (
    action_id bigint generated always as identity primary key,
    action text not null check (action in ('forget', 'replay', 'unpublish', 'accept contract')),
    subjects text[] not null,  -- pipelines or datasets
    first_day date,
    last_day date,
    database_user text not null default session_user,
    os_user text not null,  -- the account of the operating system
    acted_at timestamptz not null default clock_timestamp()
);
create index if not exists operator_actions_days on ops.operator_actions (first_day, last_day);

-- The changes of each publish. The newest row of a pipeline is the state that readers see.
create table if not exists ops.publications (
    publication_id bigint generated always as identity primary key,
    pipeline text not null,
    build_id text not null,
    as_of_date date,
    day_count integer not null,
    rows_published jsonb not null,  -- by mart: rows deleted, updated and inserted
    published_at timestamptz not null default clock_timestamp(),
    published_by text not null default session_user,
    unique (pipeline, build_id)
);
alter table ops.publications add column if not exists published_by text not null default session_user;
create index if not exists publications_pipeline on ops.publications (pipeline, publication_id desc);

-- The load of each day that a publication made visible.
create table if not exists ops.publication_days (
    publication_id bigint not null references ops.publications (publication_id),
    dataset text not null,
    day date not null,
    load_id text,
    primary key (publication_id, dataset, day)
);
create index if not exists publication_days_day on ops.publication_days (day, dataset);

-- The status of each node of a build. Publish reads it, so that retries and single-node runs add up.
create table if not exists ops.build_results (
    build_id text not null,
    node text not null,
    status text not null,
    finished_at timestamptz not null,
    primary key (build_id, node)
);

-- Customers whose orders or reviews were published since customer_health was last built.
create table if not exists ops.customer_changes (
    customer_id text primary key,
    build_id text not null  -- the build that changed the customer last
);

-- The weekly models of all customers: one row per fit, for readers (docs/decisions/0012). 20, 40, 60 and 80% of the
-- customers do not exceed the limits; parameters as in modeling/.
create table if not exists marts.customer_models (
    as_of_date date primary key,  -- fitted on orders up to this day
    model_version text not null,
    customers bigint not null,
    repeat_customers bigint not null,  -- with orders on at least two days
    recency_limits integer[],          -- days
    frequency_limits bigint[],         -- orders
    monetary_limits numeric[],         -- money
    r double precision,
    alpha double precision,
    a double precision,
    b double precision,
    orders_log_likelihood double precision,
    no_orders_because text,
    p double precision,
    q double precision,
    v double precision,
    revenue_log_likelihood double precision,
    no_revenue_because text,
    history_as_of_date date,  -- the day of the segments and metrics stored after the fit; null before
    fitted_at timestamptz not null default clock_timestamp(),
    publication_id bigint  -- the newest publication of orders that the fit has seen
);
alter table marts.customer_models add column if not exists publication_id bigint;

-- The predictions of the newest fit, replaced as a whole: one row per customer with a revenue order by its day.
create table if not exists marts.customer_predictions (
    customer_id text primary key,
    as_of_date date not null,
    probability_alive numeric(7, 6) not null,
    expected_orders numeric(12, 4) not null,  -- days with an order, in the 365 days after as_of_date
    expected_revenue numeric(38, 2)           -- in those days; null without a model of spending
);

-- The latest run of each step of a pipeline's logical date.
create table if not exists ops.pipeline_runs (
    pipeline text not null,
    step text not null,
    logical_date date not null,
    run_id text not null,
    status text not null check (status in ('running', 'success', 'warning', 'failed')),
    records integer,
    seconds numeric(12, 3),
    error text,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    primary key (pipeline, step, logical_date)
);

-- One row per run of a step, including those that ops.pipeline_runs no longer shows.
create table if not exists ops.step_runs (
    step_run_id bigint generated always as identity primary key,
    pipeline text not null,
    step text not null,
    logical_date date not null,
    run_id text not null,
    status text not null check (status in ('success', 'warning', 'failed')),
    records integer,
    seconds numeric(12, 3) not null,
    error text,
    started_at timestamptz not null,
    finished_at timestamptz not null
);
create index if not exists step_runs_day on ops.step_runs (logical_date, pipeline, run_id);

-- One row per run that shows its build in progress: the status of each node, written about once a second.
create table if not exists ops.build_progress (
    pipeline text not null,
    run_id text not null,
    nodes jsonb not null,  -- by node's unique id: {"status", "message"}
    is_over boolean not null,
    seen_at timestamptz not null,  -- when the build last wrote; a killed build no longer updates it
    primary key (pipeline, run_id)
);

-- One row per run of a pipeline's day, including refused days. Records are the shop's rows that were judged. A pipeline
-- without a dataset counts published rows and has no quality score.
create table if not exists ops.pipeline_metrics (
    pipeline text not null,
    logical_date date not null,
    run_id text not null,
    records_processed integer not null,
    records_accepted integer not null,
    records_rejected integer not null,
    data_quality_score numeric(7, 6),  -- 1 − bad rate
    processing_duration_minutes numeric(12, 4) not null,
    measured_at timestamptz not null default clock_timestamp(),
    rejected_by_reason jsonb,         -- rows per reason; a row may have several
    expected_volume numeric(14, 2),   -- expected accepted and rejected rows; null with too little history
    rows_published bigint,            -- rows deleted, updated and inserted in its marts, for all days of the run
    step_seconds jsonb,               -- seconds by step
    cache_writes integer,             -- products written to Redis by the run; null if it has no such step
    freshness_hours numeric(14, 2),   -- from the end of the day, in the shop's zone, to its publish; null before
    primary key (pipeline, logical_date, run_id)
);
alter table ops.pipeline_metrics
    add column if not exists rejected_by_reason jsonb,
    add column if not exists expected_volume numeric(14, 2),
    add column if not exists rows_published bigint,
    add column if not exists step_seconds jsonb,
    add column if not exists cache_writes integer,
    add column if not exists freshness_hours numeric(14, 2);

-- Anomalies of a pipeline's day whose steps succeeded, as of the last run that measured it. `observed` and `expected`
-- are rows (zero_rows, volume_*), a score 0–1 (data_quality), minutes (run_duration), products (rating_drop) or breaking
-- differences from the contract (schema_drift).
create table if not exists ops.anomalies (
    pipeline text not null,
    logical_date date not null,
    kind text not null,
    severity text not null check (severity in ('info', 'warning', 'critical')),  -- info: explained, or cannot be judged
    observed numeric,
    expected numeric,  -- or the limit
    message text not null,
    run_id text not null,
    found_at timestamptz not null default clock_timestamp(),
    primary key (pipeline, logical_date, kind)
);

alter table ops.anomalies
    drop constraint if exists anomalies_kind_check,
    add constraint anomalies_kind_check check (kind in (
        'zero_rows', 'volume_drop', 'volume_jump', 'volume_history', 'data_quality', 'run_duration', 'rating_drop',
        'schema_drift'
    ));

-- Spells of low ratings: from the first day of a product among the drops to the day on which it left them.
create table if not exists ops.rating_drops (
    product_id text not null,
    first_day date not null,
    ended_on date,  -- null: still among them
    primary key (product_id, first_day)
);
create index if not exists rating_drops_first_day on ops.rating_drops (first_day);
create index if not exists rating_drops_ended_on on ops.rating_drops (ended_on);

-- Messages to people: one row per message. Messages with the same event_key are one message, for the receivers too. No
-- review texts, no customer data, no secrets.
create table if not exists ops.alerts (
    alert_id bigint generated always as identity primary key,
    event_key text not null unique,
    pipeline text not null,
    logical_date date,  -- null: the event belongs to no day
    run_id text not null,
    kind text not null,
    severity text not null,
    step text,
    title text not null,
    cause text,
    remedy text,
    link text,
    figures jsonb not null default '{}',
    raised_at timestamptz not null default clock_timestamp()
);
alter table ops.alerts
    alter column severity drop expression if exists,
    drop constraint if exists alerts_kind_check,
    drop constraint if exists alerts_severity_check,
    add constraint alerts_kind_check check (kind in ('failure', 'refusal', 'recovery', 'success', 'anomaly')),
    add constraint alerts_severity_check check (severity in ('info', 'warning', 'critical'));
create index if not exists alerts_pipeline_day on ops.alerts (pipeline, logical_date, alert_id);
create index if not exists alerts_bad on ops.alerts (pipeline, kind) where kind in ('failure', 'refusal');

-- Failures and refusals without a later recovery or success of their day; one without a day is answered by any of them.
create or replace view ops.open_alerts as
select bad.*
from ops.alerts as bad
where
    bad.kind in ('failure', 'refusal')
    and not exists (
        select from ops.alerts as good
        where
            good.pipeline = bad.pipeline
            and good.logical_date = bad.logical_date
            and good.alert_id > bad.alert_id
            and good.kind in ('recovery', 'success')
    )
    and (
        bad.logical_date is not null
        or not exists (
            select from ops.alerts as good
            where good.pipeline = bad.pipeline and good.alert_id > bad.alert_id and good.kind in ('recovery', 'success')
        )
    );

-- Open alerts without failed builds of days that were published since, for example by a `dbt build`.
create or replace view ops.unmended_alerts as
select bad.*
from ops.open_alerts as bad
where
    bad.kind <> 'failure'
    or bad.step is null
    or bad.step not in ('transform', 'publish')
    or not exists (
        select from ops.publications as publications
        inner join ops.publication_days as days on publications.publication_id = days.publication_id
        where
            publications.pipeline = bad.pipeline
            and days.day = bad.logical_date
            and publications.published_at > bad.raised_at
    );

-- Outgoing messages: one row per message and channel, written in the same transaction as the event. A message is
-- delivered once each of its receivers below has it.
create table if not exists ops.outbox (
    outbox_id bigint generated always as identity primary key,
    channel text not null check (channel in ('alert', 'metrics')),
    idempotency_key text not null unique,  -- the same for every attempt and receiver
    incident text,  -- pipeline/kind of a failure or refusal; at most one per day is sent
    payload jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    delivered_at timestamptz
);
create index if not exists outbox_waiting on ops.outbox (created_at) where delivered_at is null;
create index if not exists outbox_incident on ops.outbox (incident, created_at) where incident is not null;

-- Delivery of a message to each receiver: a receiver that has it does not get it again because another one is down.
create table if not exists ops.outbox_deliveries (
    outbox_id bigint not null references ops.outbox (outbox_id),
    receiver text not null,  -- a hash of its URL, for the URL is a secret
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    last_error text,
    delivered_at timestamptz,
    primary key (outbox_id, receiver)
);
create index if not exists outbox_deliveries_waiting on ops.outbox_deliveries (receiver, outbox_id)
where delivered_at is null;
