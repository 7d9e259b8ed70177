-- One row per review record of a load: typed and judged, with its rejection reasons.
{% set raw_reviews = source('raw', 'reviews') %}

with

source as (
    {{ with_duplicates_marked(raw_reviews, 'review_id') }}
),

settings as (
    select * from {{ source('ops', 'dataset_settings') }}
    where dataset = 'reviews'
),

parsed as (
    select
        source.*,
        settings.required_fields,
        settings.max_text_bytes,
        settings.product_id_pattern,
        typed.*
    from source
    cross join settings
    -- offset 0 keeps Postgres from inlining these expressions into every rule below
    cross join lateral (  -- noqa: ST05
        select
            {{ decimal_value('source.rating') }} as rating_value,
            {{ parse_date('source.review_date', 'source._day') }} as local_review_date,
            {{ customer_of('source.customer_id') }} as customer,
            {{ is_no_object('source._extra') }} as is_item_no_object,
            {{ longest_text_bytes(raw_reviews, 'source') }} as longest_text_bytes
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
                {{ common_reasons(raw_reviews, ['review_id', 'product_id', 'customer_id']) }},
                {{ missing_customer() }},
                case when rating_value is null and not {{ is_missing('rating') }} then 'rating_not_a_number' end,
                case when rating_value not in (1, 2, 3, 4, 5) then 'rating_not_1_to_5' end,
                case
                    when not {{ is_missing('product_id') }} and product_id !~ product_id_pattern
                        then 'product_id_malformed'
                end
            ], null) as rejection_reasons
        limit all offset 0  -- noqa: AM09
    ) as verdict
),

renamed as (
    select
        _load_id,
        _day,
        _row_number,
        review_id,
        product_id,
        customer as customer_id,
        coalesce(local_review_date, _day) as review_date,
        case when rating_value in (1, 2, 3, 4, 5) then rating_value::smallint end as rating,
        review_text,
        is_identical_copy,
        case when is_identical_copy then '{}'::text[] else rejection_reasons end as rejection_reasons,
        not is_identical_copy and cardinality(rejection_reasons) = 0 as is_valid
    from judged
)

select * from renamed
