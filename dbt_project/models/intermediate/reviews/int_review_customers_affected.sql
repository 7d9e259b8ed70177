-- One row per customer with an affected review, before or after this build.
select former_customer_id as customer_id
from {{ ref('int_reviews_affected') }}
where former_customer_id is not null
union
select customer_id from {{ ref('fct_reviews__changes') }}
