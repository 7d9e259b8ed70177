-- A day of orders by hand, in one transaction, as a script for a single use: cast, drop unusable rows, update the marts.
-- For the rows of land_orders.sql, the marts equal Daybreak's, row for row. It omits everything else: reasons and counts
-- of dropped rows, rules that these rows do not break, Great Expectations, data tests, build results, recovery after a
-- crash. It also omits product_months and fct_refunds, which stay empty since these orders have no items and refunds.

create temp table accepted on commit drop as
select
    order_id,
    customer_id,
    read.order_date,
    read.amount::numeric(18, 2) as total_amount,
    status,
    status <> all((select non_revenue_statuses from ops.dataset_settings where dataset = 'orders')::text[]) as is_revenue,
    read.amount > %(large_order_amount)s as is_large,
    read.order_date as logical_date,
    null::text as items,
    false as is_test,
    0.00 as refunded_amount,
    read.amount::numeric(18, 2) as net_amount
from (
    select distinct on (order_id) * from raw.orders
    where _day = %(day)s and _load_id = %(load)s
    order by order_id, _row_number desc
) as last_of_id
cross join lateral (
    select
        case when pg_input_is_valid(total_amount, 'numeric') then total_amount::numeric end as amount,
        case
            when pg_input_is_valid(last_of_id.order_date, 'timestamp') then last_of_id.order_date::timestamp::date
        end as order_date
    offset 0
) as read
where
    btrim(customer_id) <> ''
    and read.amount >= 0
    and read.amount = round(read.amount, 2)
    and read.order_date = %(day)s;
analyze accepted;

-- the published orders that this day has or had, and those superseded by a later day
create temp table replaced on commit drop as
select order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items, is_test, refunded_amount, net_amount
from marts.fct_orders where order_date = %(day)s
union all
select published.order_id, published.customer_id, published.order_date, published.total_amount, published.status, published.is_revenue, published.is_large, published.logical_date, published.items, published.is_test, published.refunded_amount, published.net_amount
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
    select order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items, is_test, refunded_amount, net_amount from ops.int_orders_superseded
    where
        order_date <> %(day)s
        and (order_id in (select order_id from accepted) or order_id in (select order_id from replaced))
) as standing;
analyze candidates;

delete from marts.fct_orders using replaced where fct_orders.order_id = replaced.order_id;
insert into marts.fct_orders (order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items, is_test, refunded_amount, net_amount)
select order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items, is_test, refunded_amount, net_amount from candidates where is_current;

delete from ops.int_orders_superseded
where
    order_date = %(day)s
    or order_id in (select order_id from accepted)
    or order_id in (select order_id from replaced);
insert into ops.int_orders_superseded (
    order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items, is_test, refunded_amount, net_amount
)
select order_id, customer_id, order_date, total_amount, status, is_revenue, is_large, logical_date, items, is_test, refunded_amount, net_amount from candidates where not is_current;

create temp table customers on commit drop as
select customer_id from replaced
union
select customer_id from candidates where is_current;
analyze customers;

-- the purchases of each of these customers by month; the first month is the cohort
create temp table months on commit drop as
select
    customer_id,
    date_trunc('month', order_date::timestamp)::date as order_month,
    min(date_trunc('month', min(order_date)::timestamp)::date) over (partition by customer_id) as cohort_month,
    min(order_date) as first_order_date,
    max(order_date) as last_order_date,
    count(*) as orders,
    sum(net_amount) as revenue,
    sum(refunded_amount) as refunded
from marts.fct_orders
inner join customers using (customer_id)
where is_revenue
group by customer_id, order_month;
analyze months;

delete from marts.customer_order_totals using customers where customer_order_totals.customer_id = customers.customer_id;
insert into marts.customer_order_totals (customer_id, first_order_date, last_order_date, total_orders, total_spent, total_refunded)
select customer_id, min(first_order_date), max(last_order_date), sum(orders), sum(revenue), sum(refunded)
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
insert into marts.daily_sales (
    order_date, orders, customers, revenue, average_order_value, refunds, orders_refunded, net_revenue
)
select
    order_date,
    count(*),
    count(distinct customer_id),
    sum(total_amount),
    round(sum(total_amount) / count(*), 2),
    0,
    0,
    sum(total_amount)
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
