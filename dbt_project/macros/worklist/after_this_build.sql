{#
    The rows of a fact after this build, for the customers in the CTE `customers`. If the fact is part of this build, its
    changes replace the published rows of its affected keys.
    `published`, `affected` and `changes` are models; `key` is the fact's id; `build_id` is the column of int_health_days that
    is not null if the fact is part of this build.
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
