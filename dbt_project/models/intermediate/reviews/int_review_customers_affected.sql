-- One row per customer who has, had or gets a affected review.
select former_customer_id as customer_id
from {{ ref('int_reviews_affected') }}
where former_customer_id is not null
union
select customer_id from {{ ref('fct_reviews__changes') }}
