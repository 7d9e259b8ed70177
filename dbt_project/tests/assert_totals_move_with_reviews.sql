-- Fails if this build changes product_rating_totals by another number of reviews, stars, positive reviews or scored
-- texts than fct_reviews. The totals are updated from build to build, so an error would persist. Reads the affected
-- rows only.
with

replaced_keys as (
    select not coalesce(bool_or(is_full), false) as is_partial from {{ ref('int_review_days') }}
),

reviews_before as (
    select
        count(*) as reviews,
        sum(published.rating) as stars,
        count(*) filter (where published.sentiment = 'positive') as positive,
        count(*) filter (where published.sentiment_method <> 'rating') as by_text
    from {{ ref('int_reviews_affected') }} as affected
    inner join {{ ref('fct_reviews') }} as published on affected.review_id = published.review_id
    cross join replaced_keys
    where replaced_keys.is_partial
),

reviews_after as (
    select
        count(*) as reviews,
        sum(rating) as stars,
        count(*) filter (where sentiment = 'positive') as positive,
        count(*) filter (where sentiment_method <> 'rating') as by_text
    from {{ ref('fct_reviews__changes') }}
),

products_before as (
    select
        sum(published.review_count) as reviews,
        sum(
            published.rating_1 + 2 * published.rating_2 + 3 * published.rating_3 + 4 * published.rating_4
            + 5 * published.rating_5
        ) as stars,
        sum(published.sentiment_positive) as positive,
        sum(published.sentiment_by_text) as by_text
    from {{ ref('int_products_affected') }} as affected
    inner join {{ ref('product_rating_totals') }} as published on affected.product_id = published.product_id
    cross join replaced_keys
    where replaced_keys.is_partial
),

products_after as (
    select
        sum(review_count) as reviews,
        sum(rating_1 + 2 * rating_2 + 3 * rating_3 + 4 * rating_4 + 5 * rating_5) as stars,
        sum(sentiment_positive) as positive,
        sum(sentiment_by_text) as by_text
    from {{ ref('product_rating_totals__changes') }}
),

moved as (
    {%- for total in ['reviews', 'products'] %}
    select
        '{{ total }}' as total,
        coalesce({{ total }}_after.reviews, 0) - coalesce({{ total }}_before.reviews, 0) as reviews,
        coalesce({{ total }}_after.stars, 0) - coalesce({{ total }}_before.stars, 0) as stars,
        coalesce({{ total }}_after.positive, 0) - coalesce({{ total }}_before.positive, 0) as positive,
        coalesce({{ total }}_after.by_text, 0) - coalesce({{ total }}_before.by_text, 0) as by_text
    from {{ total }}_before
    cross join {{ total }}_after
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

unbalanced as (
    select totals.*
    from moved as totals
    inner join moved as of_reviews on of_reviews.total = 'reviews'
    where
        totals.reviews <> of_reviews.reviews
        or totals.stars <> of_reviews.stars
        or totals.positive <> of_reviews.positive
        or totals.by_text <> of_reviews.by_text
)

select * from unbalanced
