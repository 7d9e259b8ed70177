-- One row per affected product with a review after this build: the published totals, minus the affected reviews as
-- published, plus the same reviews as changed. So a product with a long history costs no more than a new one.
with

before_this_build as (
    select totals.*
    from {{ ref('int_products_affected') }} as affected
    inner join {{ source('published', 'product_rating_totals') }} as totals on affected.product_id = totals.product_id
    where not exists (
        select from {{ ref('int_review_days') }} as days
        where days.is_full
    )
),

movements as (
    select
        former_product_id as product_id,
        former_rating as rating,
        former_sentiment as sentiment,
        former_sentiment_method as sentiment_method,
        -1 as direction
    from {{ ref('int_reviews_affected') }}
    where
        former_product_id is not null
        and not exists (
            select from {{ ref('int_review_days') }} as days
            where days.is_full
        )
    union all
    select
        product_id,
        rating,
        sentiment,
        sentiment_method,
        1 as direction
    from {{ ref('fct_reviews__changes') }}
),

summands as (
    select * from before_this_build
    union all
    select
        product_id,
        direction as review_count,
        {%- for rating in range(1, 6) %}
        case when rating = {{ rating }} then direction else 0 end as rating_{{ rating }},
        {%- endfor %}
        case when sentiment = 'positive' then direction else 0 end as sentiment_positive,
        case when sentiment = 'neutral' then direction else 0 end as sentiment_neutral,
        case when sentiment = 'negative' then direction else 0 end as sentiment_negative,
        case when sentiment_method = 'rating' then 0 else direction end as sentiment_by_text,
        case when sentiment_method = 'rating' then direction else 0 end as sentiment_by_rating
    from movements
),

totals as (
    select
        product_id,
        sum(review_count)::bigint as review_count,
        {%- for rating in range(1, 6) %}
        sum(rating_{{ rating }})::bigint as rating_{{ rating }},
        {%- endfor %}
        sum(sentiment_positive)::bigint as sentiment_positive,
        sum(sentiment_neutral)::bigint as sentiment_neutral,
        sum(sentiment_negative)::bigint as sentiment_negative,
        sum(sentiment_by_text)::bigint as sentiment_by_text,
        sum(sentiment_by_rating)::bigint as sentiment_by_rating
    from summands
    group by product_id
    having sum(review_count) > 0
)

select * from totals
