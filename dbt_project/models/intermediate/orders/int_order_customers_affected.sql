-- One row per customer with an affected order, before or after this build.
{{ config(tags=['on_engine']) }}

select former_customer_id as customer_id
from {{ ref('int_orders_affected') }}
where former_customer_id is not null
union
select customer_id from {{ ref('fct_orders__changes') }}
where customer_id is not null
