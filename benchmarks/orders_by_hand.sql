-- A day of orders by hand, in one transaction: what the gate, the models, their tests' subject and the publish do, as
-- somebody would write it who needs it once. Same verdicts with the same reasons, same counts, same marts row for row.
-- Left out is what makes it a product: Great Expectations, data tests, recorded greens, a build that survives a crash.
-- What products sell is left out too: these orders have no items, and product_months stays empty.

create temp table judged on commit drop as
with loaded as (
    select
        *,
        lead(_row_number) over same_id is null as is_last_of_id,
        case
            when lead(_row_number) over same_id is not null or lag(_row_number) over same_id is not null
                then md5(jsonb_build_array(order_id, customer_id, total_amount, order_date, status, _extra)::text)
        end as content
    from raw.orders
    where _day = %(day)s and _load_id = %(load)s
    window same_id as (partition by order_id order by _row_number)
),
compared as (
    select
        *,
        content is not null
        and row_number() over (partition by order_id, content order by _row_number desc) > 1 as is_identical_copy
    from loaded
),
-- materialized, or each rule below would parse again
typed as materialized (
    select
        compared.*,
        case
            when btrim(total_amount) ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$'
                and pg_input_is_valid(btrim(total_amount), 'numeric')
                then btrim(total_amount)::numeric
        end as amount,
        case
            when order_date ~ '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([tT ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?\s*$'
                and pg_input_is_valid(btrim(order_date), 'timestamp')
                then left(btrim(order_date), 10)::date
            when order_date ~ '^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[tT ][0-9:.,]+ ?([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)\s*$'
                and pg_input_is_valid(btrim(order_date), 'timestamptz')
                then (btrim(order_date)::timestamptz at time zone settings.time_zone)::date
        end as local_date,
        settings.required_fields as required,
        settings.max_text_bytes as longest
    from compared
    cross join (select * from ops.dataset_settings where dataset = 'orders') as settings
)
select
    order_id,
    customer_id,
    local_date as order_date,
    amount as total_amount,
    status,
    is_identical_copy,
    array_remove(array[
        case when left(_extra, 1) <> '{' then 'not_an_object' end,
        case when btrim(coalesce(order_id, '')) = '' and 'order_id' = any(required) then 'missing_order_id' end,
        case when btrim(coalesce(customer_id, '')) = '' and 'customer_id' = any(required) then 'missing_customer_id' end,
        case when btrim(coalesce(total_amount, '')) = '' and 'total_amount' = any(required) then 'missing_total_amount' end,
        case when btrim(coalesce(order_date, '')) = '' and 'order_date' = any(required) then 'missing_order_date' end,
        case when btrim(coalesce(status, '')) = '' and 'status' = any(required) then 'missing_status' end,
        case when _escaped is not null then 'unstorable_text' end,
        case
            when greatest(octet_length(order_id), octet_length(customer_id), octet_length(total_amount),
                octet_length(order_date), octet_length(status)) > longest
                then 'text_too_long'
        end,
        case when octet_length(order_id) > 1000 or octet_length(customer_id) > 1000 then 'id_too_long' end,
        case when not is_last_of_id and btrim(order_id) <> '' then 'superseded' end,
        case when amount is null and btrim(total_amount) <> '' then 'amount_not_a_number' end,
        case when amount < 0 then 'amount_negative' end,
        case when amount <> round(amount, 2) then 'amount_too_precise' end,
        case when abs(amount) >= 1e16 then 'amount_too_large' end,
        case when local_date is null and btrim(order_date) <> '' then 'order_date_unreadable' end,
        case when local_date <> %(day)s then 'order_date_not_the_day' end
    ], null) as reasons
from typed;

insert into ops.gate_results (
    load_id, dataset, day, row_count, identical_copies, accepted, rejected, rejected_by_reason, bad_rate, max_bad_rate,
    decision, settings
)
select
    %(load)s, 'orders', %(day)s, counts.row_count, counts.copies, counts.accepted, counts.rejected, reasons.counted,
    counts.rejected::numeric / nullif(counts.accepted + counts.rejected, 0), settings.max_bad_rate,
    case when counts.rejected > settings.max_bad_rate * (counts.accepted + counts.rejected) then 'refused' else 'passed' end,
    to_jsonb(settings)
from (
    select
        count(*) as row_count,
        count(*) filter (where is_identical_copy) as copies,
        count(*) filter (where not is_identical_copy and reasons = '{}') as accepted,
        count(*) filter (where not is_identical_copy and reasons <> '{}') as rejected
    from judged
) as counts
cross join (
    select coalesce(jsonb_object_agg(reason, row_count), '{}') as counted
    from (
        select reason, count(*) as row_count
        from judged
        cross join unnest(reasons) as reason
        where not is_identical_copy
        group by reason
    ) as by_reason
) as reasons
cross join (select * from ops.dataset_settings where dataset = 'orders') as settings;

create temp table accepted on commit drop as
select
    order_id,
    customer_id,
    order_date,
    total_amount::numeric(18, 2) as total_amount,
    status,
    status <> all((select non_revenue_statuses from ops.dataset_settings where dataset = 'orders')::text[]) as is_revenue,
    total_amount > %(large_order_amount)s as is_large,
    order_date as logical_date,
    null::text as items
from judged
where not is_identical_copy and reasons = '{}';
analyze accepted;

-- what readers see of the orders that this day has or had, and what stands behind a later day
create temp table replaced on commit drop as
select * from marts.fct_orders where order_date = %(day)s
union all
select published.*
from marts.fct_orders as published
inner join accepted on published.order_id = accepted.order_id
where published.order_date <> %(day)s;
analyze replaced;

create temp table candidates on commit drop as
select
    *,
    row_number() over (partition by order_id order by order_date desc) = 1 as is_current
from (
    select * from accepted
    union all
    select * from replaced where order_date <> %(day)s
    union all
    select * from ops.int_orders_superseded
    where
        order_date <> %(day)s
        and (order_id in (select order_id from accepted) or order_id in (select order_id from replaced))
) as standing;
analyze candidates;

delete from marts.fct_orders using replaced where fct_orders.order_id = replaced.order_id;
insert into marts.fct_orders (order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items)
select order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items from candidates where is_current;

delete from ops.int_orders_superseded
where
    order_date = %(day)s
    or order_id in (select order_id from accepted)
    or order_id in (select order_id from replaced);
insert into ops.int_orders_superseded (
    order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items
)
select order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items from candidates where not is_current;

create temp table customers on commit drop as
select customer_id from replaced
union
select customer_id from candidates where is_current;
analyze customers;

-- what each of these customers bought in which month; the first is the cohort
create temp table months on commit drop as
select
    customer_id,
    date_trunc('month', order_date::timestamp)::date as order_month,
    min(date_trunc('month', min(order_date)::timestamp)::date) over (partition by customer_id) as cohort_month,
    min(order_date) as first_order_date,
    max(order_date) as last_order_date,
    count(*) as orders,
    sum(total_amount) as revenue
from marts.fct_orders
inner join customers using (customer_id)
where is_revenue
group by customer_id, order_month;
analyze months;

delete from marts.customer_order_totals using customers where customer_order_totals.customer_id = customers.customer_id;
insert into marts.customer_order_totals (customer_id, first_order_date, last_order_date, total_orders, total_spent)
select customer_id, min(first_order_date), max(last_order_date), sum(orders), sum(revenue)
from months
group by customer_id;

create temp table former_months on commit drop as
select customer_months.*
from marts.customer_months
inner join customers using (customer_id);
analyze former_months;

create temp table moved_months on commit drop as
select -1 as direction, gone.*
from (
    select customer_id, order_month, cohort_month, orders, revenue from former_months
    except
    select customer_id, order_month, cohort_month, orders, revenue from months
) as gone
union all
select 1 as direction, come.*
from (
    select customer_id, order_month, cohort_month, orders, revenue from months
    except
    select customer_id, order_month, cohort_month, orders, revenue from former_months
) as come;
analyze moved_months;

delete from marts.customer_months using moved_months
where
    direction = -1
    and customer_months.order_month = moved_months.order_month
    and customer_months.customer_id = moved_months.customer_id;
insert into marts.customer_months (customer_id, order_month, cohort_month, orders, revenue)
select customer_id, order_month, cohort_month, orders, revenue from moved_months where direction = 1;

insert into marts.cohort_months (cohort_month, order_month, active_customers, orders, revenue)
select cohort_month, order_month, sum(direction), sum(direction * orders), sum(direction * revenue)
from moved_months
group by cohort_month, order_month
on conflict (cohort_month, order_month) do update set
    active_customers = cohort_months.active_customers + excluded.active_customers,
    orders = cohort_months.orders + excluded.orders,
    revenue = cohort_months.revenue + excluded.revenue;
delete from marts.cohort_months where active_customers = 0;

create temp table dates on commit drop as
select %(day)s::date as order_date
union
select order_date from replaced
union
select order_date from candidates where is_current;

delete from marts.daily_sales using dates where daily_sales.order_date = dates.order_date;
insert into marts.daily_sales (order_date, orders, customers, revenue, average_order_value)
select order_date, count(*), count(distinct customer_id), sum(total_amount), round(sum(total_amount) / count(*), 2)
from marts.fct_orders
inner join dates using (order_date)
where is_revenue
group by order_date;

insert into ops.day_ledger (dataset, day, admitted_load_id, admitted_at, published_load_id, published_at)
values ('orders', %(day)s, %(load)s, clock_timestamp(), %(load)s, clock_timestamp())
on conflict (dataset, day) do update set
    admitted_load_id = excluded.admitted_load_id,
    admitted_at = excluded.admitted_at,
    published_load_id = excluded.published_load_id,
    published_at = excluded.published_at;

insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published)
select 'ecommerce_order_pipeline', 'by hand', max(day), 1, '{}' from ops.day_ledger
where dataset = 'orders' and published_load_id is not null;
