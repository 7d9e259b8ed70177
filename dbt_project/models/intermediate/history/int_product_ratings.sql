-- One row per product with a review: what of product_metrics is kept in the dated history.
select
    product_id,
    review_count,
    average_rating,
    bayesian_rating,
    is_rating_drop
from {{ ref('product_metrics') }}
