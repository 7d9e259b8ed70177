{#
    What a build does to a mart, for tests of totals: the published rows of the affected keys with direction -1, and the rows
    that replace them with direction 1. In a full refresh there are only new rows.
    `keys` are the columns that `affected` shares with the mart; `days` is the pipeline's worklist.
#}
{% macro changed_rows(mart, affected, keys, days, columns) -%}
select
    -1 as direction,
    published.{{ columns | join(',\n    published.') }}
from {{ ref(affected) }} as affected
inner join {{ ref(mart) }} as published
    on {% for key in keys %}affected.{{ key }} = published.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
where not exists (
    select from {{ ref(days) }} as days
    where days.is_full
)
union all
select
    1 as direction,
    {{ columns | join(',\n    ') }}
from {{ ref(mart ~ '__changes') }}
{%- endmacro %}
