{#
    The published rows of a fact as they will be once this build has published them, for the customers in
    int_health_customers_touched: in a build that changes the fact too, its touched rows give way to its changes.
    `published`, `touched`, `changes` are models, `key` the fact's id, `build_id` the column of int_health_days that tells
    whether the fact is part of this build.
#}
{% macro after_this_build(published, touched, changes, key, build_id, columns) -%}
select {{ columns | join(', ') }}
from {{ ref(published) }} as published
where
    published.customer_id in (select customer_id from {{ ref('int_health_customers_touched') }})
    and not exists (
        select from {{ ref(touched) }} as touched
        inner join {{ ref('int_health_days') }} as days on days.{{ build_id }} is not null
        where touched.{{ key }} = published.{{ key }}
    )
    and not exists (
        select from {{ ref('int_health_days') }} as days
        where days.{{ build_id }} is not null and days.is_full
    )
union all
select {{ columns | join(', ') }}
from {{ ref(changes) }}
where exists (select from {{ ref('int_health_days') }} as days where days.{{ build_id }} is not null)
{%- endmacro %}
