-- One row per order record of a load: typed and judged, with its rejection reasons.
{% set raw_orders = source('raw', 'orders') %}

with

source as (
    {{ with_duplicates_marked(raw_orders, 'order_id') }}
),

settings as (
    select * from {{ source('ops', 'dataset_settings') }}
    where dataset = 'orders'
),

parsed as (
    select
        source.*,
        settings.required_fields,
        settings.max_text_bytes,
        settings.day_is,
        exchange.*,
        typed.*
    from source
    cross join settings
    -- offset 0 keeps Postgres from inlining these expressions into every rule below
    cross join lateral ({{ conversion() }}) as exchange  -- noqa: ST05
    cross join lateral (  -- noqa: ST05
        select
            {{ nearest_cent('exact.amount') }} as amount,
            {{ parse_date('source.order_date', 'source._day') }} as local_order_date,
            {{ parse_items('source.items') }} as parsed_items,
            {{ customer_of('source.customer_id') }} as customer,
            {{ is_no_object('source._extra') }} as is_item_no_object,
            {{ longest_text_bytes(raw_orders, 'source') }} as longest_text_bytes,
            {{ further_fields() }}
        from (select {{ amount_of('source.total_amount') }} limit all offset 0) as exact (amount)  -- noqa: AM09
        limit all offset 0  -- noqa: AM09
    ) as typed
),

judged as (
    select
        parsed.*,
        verdict.rejection_reasons
    from parsed
    cross join lateral (  -- noqa: ST05
        select
            array_remove(array[
                {{ common_reasons(raw_orders, ['order_id', 'customer_id']) }},
                {{ missing_customer() }},
                case when amount is null and not {{ is_missing('total_amount') }} then 'amount_not_a_number' end,
                case when amount < 0 then 'amount_negative' end,
                case when amount <> round(amount, 2) then 'amount_too_precise' end,
                case when abs(amount) >= 1e16 then 'amount_too_large' end,
                case
                    when local_order_date is null and not {{ is_missing('order_date') }}
                        then 'order_date_unreadable'
                end,
                case when local_order_date <> _day and day_is = 'order_date' then 'order_date_not_the_day' end,
                case when local_order_date > _day and day_is = 'updated' then 'order_date_after_the_day' end,
                case when jsonb_typeof(parsed_items) = 'string' then parsed_items #>> '{}' end,
                {{ reasons_of_further_fields() }}
            ], null) as rejection_reasons
        limit all offset 0  -- noqa: AM09
    ) as verdict
),

renamed as (
    select
        _load_id,
        _day,
        _row_number,
        order_id,
        customer as customer_id,
        local_order_date as order_date,
        case when abs(round(amount, 2)) < 1e16 then amount::numeric(18, 2) end as total_amount,
        status,
        case when jsonb_typeof(parsed_items) = 'array' then parsed_items::text end as items,
        {{ further_columns() }},
        is_identical_copy,
        case when is_identical_copy then '{}'::text[] else rejection_reasons end as rejection_reasons,
        not is_identical_copy and cardinality(rejection_reasons) = 0 as is_valid
    from judged
)

select * from renamed
