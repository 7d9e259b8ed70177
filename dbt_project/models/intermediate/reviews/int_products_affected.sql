-- One row per product with an affected review, before or after this build.
select former_product_id as product_id
from {{ ref('int_reviews_affected') }}
where former_product_id is not null
union
select product_id from {{ ref('fct_reviews__changes') }}
