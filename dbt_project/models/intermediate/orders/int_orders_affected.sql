-- One row per order that this build may change: accepted, published or superseded on one of its days. The former_*
-- columns are its published contents, wherever they are, so that its former customer and date are updated as well.
-- Example, a build of day 01-02:
--
--   order      accepted on 01-02   published on   former_order_date   consequence
--   new        yes                 no day         null                inserted on 01-02
--   moves      yes                 01-01          01-01               01-01 loses it, 01-02 gains it
--   vanishes   no                  01-02          01-02               deleted, or its superseded row returns
--   other      no                  01-01          not affected
{{ config(indexes=[{'columns': ['order_id'], 'unique': true}]) }}

with

days as (
    select * from {{ ref('int_order_days') }}
),

-- not materialized: it is used several times, and Postgres would otherwise read the whole history into a CTE
published as not materialized (
    select * from {{ source('published', 'fct_orders') }}
),

superseded as (
    select * from {{ source('superseded', 'int_orders_superseded') }}
),

affected as (
    select order_id from {{ ref('int_orders_accepted') }}
    union
    select published.order_id from published
    where
        published.order_date = any(array(select days.day from days))
        and (published.logical_date <> published.order_date) is not true
    union
    -- by a partial index, which is empty if the logical date of every order is its order_date
    select published.order_id from published
    where
        published.logical_date = any(array(select days.day from days))
        and published.logical_date <> published.order_date
    union
    select superseded.order_id from superseded
    where superseded.logical_date = any(array(select days.day from days))
),

with_former_place as (
    select
        affected.order_id,
        {{ former_columns('former.', 'former_') }}
    from affected
    -- offset 0 forces one index lookup per order: Postgres would plan a join without statistics, and read all history
    left join lateral (
        select
            {%- for column in order_columns() if column not in ('order_id', 'logical_date') %}
            published.{{ column }},
            {%- endfor %}
            coalesce(published.logical_date, published.order_date) as logical_date
        from published
        where affected.order_id = published.order_id
        limit all offset 0  -- noqa: AM09
    ) as former on true
)

select * from with_former_place
