{# The raw rows that staging rejects, of the newest load of each day, admitted or not. #}
{% macro rejected_rows(dataset, staging_model) -%}
select
    source_rows.*,
    judged.rejection_reasons
from {{ ref(staging_model) }} as judged
inner join {{ source('raw', dataset) }} as source_rows
    on
        judged._day = source_rows._day
        and judged._load_id = source_rows._load_id
        and judged._row_number = source_rows._row_number
where
    cardinality(judged.rejection_reasons) > 0
    and judged._load_id = (
        select loads.load_id
        from {{ source('ops', 'loads') }} as loads
        where loads.dataset = '{{ dataset }}' and loads.day = judged._day
        order by loads.landed_at desc
        limit 1
    )
{%- endmacro %}
