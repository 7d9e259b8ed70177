-- One row per date from the first to the last published day. A view, so that builds need not write dates.
{{ config(materialized='published_view') }}

with

bounds as (
    select
        min(day) as first_day,
        max(day) as last_day
    from {{ source('ops', 'day_ledger') }}
    where published_load_id is not null
),

dates as (
    select generate_series(first_day::timestamp, last_day::timestamp, interval '1 day')::date as date_day
    from bounds
)

select * from dates
