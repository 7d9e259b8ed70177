{% snapshot product_metrics_history %}
-- One row per product with a review: the columns of product_metrics worth a history.
select
    product_id,
    review_count,
    average_rating,
    bayesian_rating,
    is_rating_drop
from {{ ref('product_metrics') }}
{% endsnapshot %}
