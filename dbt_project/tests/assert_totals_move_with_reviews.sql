-- Fails if this build changes product_rating_totals by another number of reviews, stars, positive reviews or scored
-- texts than fct_reviews. The totals are updated from build to build, so an error would persist. Reads the affected
-- rows only.
with

reviews as (
    {{ changed_rows(
        'fct_reviews', 'int_reviews_affected', ['review_id'], 'int_review_days',
        ['rating', 'sentiment', 'sentiment_method']
    ) }}
),

products as (
    {{ changed_rows(
        'product_rating_totals', 'int_products_affected', ['product_id'], 'int_review_days',
        ['review_count', 'rating_1', 'rating_2', 'rating_3', 'rating_4', 'rating_5', 'sentiment_positive',
         'sentiment_by_text']
    ) }}
),

of_reviews as (
    select
        coalesce(sum(direction), 0) as reviews,
        coalesce(sum(direction * rating), 0) as stars,
        coalesce(sum(direction) filter (where sentiment = 'positive'), 0) as positive,
        coalesce(sum(direction) filter (where sentiment_method <> 'rating'), 0) as by_text
    from reviews
),

of_products as (
    select
        coalesce(sum(direction * review_count), 0) as reviews,
        coalesce(
            sum(direction * (rating_1 + 2 * rating_2 + 3 * rating_3 + 4 * rating_4 + 5 * rating_5)), 0
        ) as stars,
        coalesce(sum(direction * sentiment_positive), 0) as positive,
        coalesce(sum(direction * sentiment_by_text), 0) as by_text
    from products
)

select * from of_products
except
select * from of_reviews
