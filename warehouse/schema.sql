-- Schemas, the ledger of days, and what every step writes about itself. Idempotent; run before each use.
-- dlt fills raw.*, dbt makes staging.*, build.*, marts.* and quarantine.*; everything here belongs to neither.
-- Who may do what with it: roles.sql and grants.sql.

create schema if not exists raw;
create schema if not exists staging;
create schema if not exists build;
create schema if not exists marts;
create schema if not exists quarantine;
create schema if not exists ops;

-- Tables that had other names in 0.1.0.
alter table if exists ops.day_fences rename to fencing_tokens;
alter table if exists ops.int_orders_shadowed rename to int_orders_superseded;
alter table if exists ops.int_reviews_shadowed rename to int_reviews_superseded;

-- Rows as the shop's API sent them: declared fields as exact text, versioned by load. dlt would make these tables too;
-- they stand here for the index, and so that staging has its columns before the first load.
create table if not exists raw.orders (
    _load_id text not null,
    _day date not null,
    _row_number integer not null,
    order_id text,
    customer_id text,
    total_amount text,
    order_date text,
    status text,
    items text,  -- JSON: what the order consists of, where the shop tells it
    _extra text,   -- JSON of the undeclared fields, keys sorted; of the whole record if it is not an object; null if none
    _escaped text  -- names of declared fields with text that Postgres cannot hold (landed escaped), comma-separated
);
alter table raw.orders add column if not exists items text;
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

-- What of shop.toml the staging views judge rows by; one row per dataset, replaced when the file changes.
create table if not exists ops.dataset_settings (
    dataset text primary key,
    time_zone text not null,
    required_fields text[] not null,
    product_id_pattern text,
    max_text_bytes integer not null,
    max_bad_rate numeric not null,
    language text not null,
    amount_unit numeric not null default 1,  -- what 1 of the shop's amounts is worth: 0.01 where it counts in cents
    non_revenue_statuses text[] not null default '{}',  -- of orders: filled from shop.toml as soon as it stands
    date_format text not null default 'iso',
    day_is text not null default 'order_date',  -- or 'updated': the logical day is that of an order's last change
    date_pattern text,  -- of a date_format that is neither ISO 8601 nor Unix time, with what its groups are rewritten to
    date_rewritten text,
    amount_format text not null default '1234.56',  -- this amount as the shop writes it
    amount_pattern text,  -- of another format than that, with the signs before cents and between thousands
    amount_signs text,
    item_product_id text[],  -- where it stands in an item of an order; null: the shop tells no items
    item_quantity text[],
    item_price text[],  -- of one
    item_total text[]  -- of the whole line
);
alter table ops.dataset_settings add column if not exists amount_unit numeric not null default 1;
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

-- One row per load that landed whole. A load without a row here is half-landed: invisible, and pruned.
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
    skipped_count integer not null default 0  -- rows of other days that the shop told too, and that did not land
);
alter table ops.loads add column if not exists skipped_count integer not null default 0;
create index if not exists loads_dataset_day on ops.loads (dataset, day, landed_at);

-- What the fields of a load look like, from a sample of its rows: counts and formats, no ids and no texts.
create table if not exists ops.field_profiles (
    load_id text primary key references ops.loads (load_id),
    dataset text not null,
    day date not null,
    profile jsonb not null,
    breaks_contract boolean,  -- null: not compared yet. What breaks the contract teaches nothing of it
    profiled_at timestamptz not null default clock_timestamp()
);
create index if not exists field_profiles_day on ops.field_profiles (dataset, day);

-- From which load on another contract holds, because somebody said so. Loads of days before it say nothing any more.
create table if not exists ops.accepted_contracts (
    dataset text not null,
    day date not null,
    load_id text not null references ops.loads (load_id),
    accepted_at timestamptz not null default clock_timestamp(),
    accepted_by text not null default session_user,
    primary key (dataset, day)
);

-- Which load counts for a day, and which one readers see.
create table if not exists ops.day_ledger (
    dataset text not null,
    day date not null,
    admitted_load_id text references ops.loads (load_id),
    admitted_at timestamptz,
    published_load_id text references ops.loads (load_id),
    published_at timestamptz,
    primary key (dataset, day)
);

create index if not exists day_ledger_pending on ops.day_ledger (dataset, day)
where admitted_load_id is distinct from published_load_id;

-- The number of the run that holds a day, higher for each: what an earlier holder writes does not count (warehouse/locks.py).
create table if not exists ops.fencing_tokens (
    dataset text not null,
    day date not null,
    token bigint not null,
    primary key (dataset, day)
);

-- The gate's decision on a load, with the counts and the settings that it followed from.
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

-- How each day stands, for people: what readers see of it, and how its newest load was judged.
create or replace view ops.day_states as
with newest_results as (
    select distinct on (dataset, day) * from ops.gate_results order by dataset, day, decided_at desc
)
select
    coalesce(ledger.dataset, results.dataset) as dataset,
    coalesce(ledger.day, results.day) as day,
    case
        when ledger.admitted_load_id is null then 'refused'
        when ledger.published_load_id is distinct from ledger.admitted_load_id then 'waiting'
        when results.decision = 'refused' then 'published, newer load refused'
        else 'published'
    end as state,
    results.accepted,
    results.rejected,
    results.bad_rate,
    ledger.published_at
from ops.day_ledger as ledger
full join newest_results as results on ledger.dataset = results.dataset and ledger.day = results.day;

-- Sentiment of review texts, scored once per load.
create table if not exists staging.review_sentiment (
    _load_id text not null,
    _day date not null,
    _row_number integer not null,
    sentiment text not null check (sentiment in ('positive', 'neutral', 'negative')),
    sentiment_method text not null,
    primary key (_load_id, _row_number)
);

-- Customers who asked to be forgotten: their rows are left out of every later load.
create table if not exists ops.forgotten_customers (
    customer_hash text primary key,  -- SHA-256 of the id
    forgotten_at timestamptz not null default clock_timestamp()
);

-- What each publish changed. The newest row of a pipeline is the state that readers see.
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

-- Which load of each day a publication made visible.
create table if not exists ops.publication_days (
    publication_id bigint not null references ops.publications (publication_id),
    dataset text not null,
    day date not null,
    load_id text,
    primary key (publication_id, dataset, day)
);
create index if not exists publication_days_day on ops.publication_days (day, dataset);

-- Which nodes of a build are green or red: publish looks here, so that retries and single nodes add up.
create table if not exists ops.build_results (
    build_id text not null,
    node text not null,
    status text not null,
    finished_at timestamptz not null,
    primary key (build_id, node)
);

-- Customers whose orders or reviews were published since customer_health last followed.
create table if not exists ops.customer_changes (
    customer_id text primary key,
    build_id text not null  -- the build that changed the customer last
);

-- What was learnt from all customers, weekly: one row per fit, for readers (docs/decisions/0012). Limits are the values that
-- 20, 40, 60 and 80% of the customers do not exceed; parameters as in modeling/.
create table if not exists marts.customer_models (
    as_of_date date primary key,  -- orders up to this day were learnt from
    model_version text not null,
    customers bigint not null,
    repeat_customers bigint not null,  -- with orders on two days at least
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
    history_as_of_date date,  -- the day whose segments and metrics were kept after it; null before
    fitted_at timestamptz not null default clock_timestamp()
);

-- The predictions of the newest fit, replaced as a whole: one row per customer with a revenue order by its day.
create table if not exists marts.customer_predictions (
    customer_id text primary key,
    as_of_date date not null,
    probability_alive numeric(7, 6) not null,
    expected_orders numeric(12, 4) not null,  -- days with an order, in the 365 days after as_of_date
    expected_revenue numeric(38, 2)           -- in those days; null without a model of spending
);

-- One row per step of a pipeline's logical date: the latest run of it.
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

-- One row per run of a step: what ops.pipeline_runs no longer shows once the step has run again.
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

-- One row per run that shows its build while it runs: how each node has fared so far, written about once a second.
create table if not exists ops.build_progress (
    pipeline text not null,
    run_id text not null,
    nodes jsonb not null,  -- by node's unique id: {"status", "message"}
    is_over boolean not null,
    seen_at timestamptz not null,  -- when the build last wrote: one that was killed stops
    primary key (pipeline, run_id)
);

-- One row per run of a pipeline's day, refused days as well. Records are rows of the shop that were judged; of a pipeline
-- without a dataset, rows that it published, and it has no quality.
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
    expected_volume numeric(14, 2),   -- accepted and rejected rows to be expected; null with too little history
    rows_published bigint,            -- deleted, updated and inserted in its marts, for all days of the run
    step_seconds jsonb,               -- seconds by step
    cache_writes integer,             -- products written to Redis by the run; null if it has no such step
    freshness_hours numeric(14, 2),   -- from the end of the day, in the shop's zone, to its publish; null before it
    primary key (pipeline, logical_date, run_id)
);
alter table ops.pipeline_metrics
    add column if not exists rejected_by_reason jsonb,
    add column if not exists expected_volume numeric(14, 2),
    add column if not exists rows_published bigint,
    add column if not exists step_seconds jsonb,
    add column if not exists cache_writes integer,
    add column if not exists freshness_hours numeric(14, 2);

-- What is odd about a pipeline's day although its steps succeeded, as of the run that measured it last. `observed` and
-- `expected` are rows (zero_rows, volume_*), a score 0–1 (data_quality), minutes (run_duration), products (rating_drop) or
-- differences that break the contract (schema_drift).
create table if not exists ops.anomalies (
    pipeline text not null,
    logical_date date not null,
    kind text not null,
    severity text not null check (severity in ('info', 'warning', 'critical')),  -- info: explained, or not to be judged
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

-- Spells of low ratings: from the day on which a product was first among the drops to the day on which it no longer was.
create table if not exists ops.rating_drops (
    product_id text not null,
    first_day date not null,
    ended_on date,  -- null: it is among them
    primary key (product_id, first_day)
);
create index if not exists rating_drops_first_day on ops.rating_drops (first_day);
create index if not exists rating_drops_ended_on on ops.rating_drops (ended_on);

-- What people are told: one row per message. event_key is what makes a message told twice one message, for its receivers
-- too. No texts of reviews, no customers' data, no secrets.
create table if not exists ops.alerts (
    alert_id bigint generated always as identity primary key,
    event_key text not null unique,
    pipeline text not null,
    logical_date date,  -- null: what happened belongs to no day
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

-- Failures and refusals that no good news of their day followed; any good news answers one that has no day.
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

-- What goes out: one row per message and channel, written in the transaction that stored what it tells of. A message is
-- delivered once every receiver that it has a row for below has it.
create table if not exists ops.outbox (
    outbox_id bigint generated always as identity primary key,
    channel text not null check (channel in ('alert', 'metrics')),
    idempotency_key text not null unique,  -- the same however often it is sent, and to whom
    incident text,  -- pipeline/kind of a failure or refusal; at most one a day of each goes out
    payload jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    delivered_at timestamptz
);
create index if not exists outbox_waiting on ops.outbox (created_at) where delivered_at is null;
create index if not exists outbox_incident on ops.outbox (incident, created_at) where incident is not null;

-- How sending a message to each of its receivers went: who has it is not sent it again because another one is down.
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
