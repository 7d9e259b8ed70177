-- One row per product that has, had or gets a affected review.
select former_product_id as product_id
from {{ ref('int_reviews_affected') }}
where former_product_id is not null
union
select product_id from {{ ref('fct_reviews__changes') }}
