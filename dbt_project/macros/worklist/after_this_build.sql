{#
    The published rows of a fact as they will be once this build has published them, for the customers in the CTE
    `customers`: in a build that changes the fact too, its affected rows give way to its changes.
    `published`, `affected`, `changes` are models, `key` the fact's id, `build_id` the column of int_health_days that tells
    whether the fact is part of this build.
#}
{% macro after_this_build(customers, published, affected, changes, key, build_id, columns) -%}
select published.{{ columns | join(', published.') }}
from ({{ lookup_by_key(customers, ref(published), 'customer_id') }}) as published
where
    not exists (
        select from {{ ref(affected) }} as affected
        inner join {{ ref('int_health_days') }} as days on days.{{ build_id }} is not null
        where published.{{ key }} = affected.{{ key }}
    )
    and not exists (
        select from {{ ref('int_health_days') }} as days
        where days.{{ build_id }} is not null and days.is_full
    )
union all
select {{ columns | join(', ') }}
from {{ ref(changes) }}
where
    exists (
        select from {{ ref('int_health_days') }} as days
        where days.{{ build_id }} is not null
    )
    and customer_id in (select customers.customer_id from {{ customers }} as customers)
{%- endmacro %}
