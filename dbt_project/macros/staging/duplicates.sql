{# The declared fields of a raw table: all columns except ours, which begin with an underscore. #}
{% macro declared_fields(relation) -%}
{%- set fields = [] -%}
{%- for column in (adapter.get_columns_in_relation(relation) if execute else []) if not column.name.startswith('_') -%}
    {%- do fields.append(column.name) -%}
{%- endfor -%}
{{ return(fields) }}
{%- endmacro %}

{#
    The rows of a raw table, with two flags that depend on other rows of the same load:
    is_identical_copy  the same row comes again later in the load; the last one counts
    is_last_of_id      no later row has this id
    Every window is partitioned by load and day, so that a filter on them uses the index of the raw table.
#}
{% macro with_duplicates_marked(relation, id) -%}
select
    compared.*,
    row_number() over (
        partition by compared._day, compared._load_id, compared.{{ id }}, compared.content
        order by compared._row_number desc
    ) > 1 as is_identical_copy
from (
    select
        rows_of_load.*,
        lead(rows_of_load._row_number) over same_id is null as is_last_of_id,
        case
            when
                lead(rows_of_load._row_number) over same_id is not null
                or lag(rows_of_load._row_number) over same_id is not null
                then md5((to_jsonb(rows_of_load) - '_row_number')::text)
        end as content
    from {{ relation }} as rows_of_load
    window
        same_id as (
            partition by rows_of_load._day, rows_of_load._load_id, rows_of_load.{{ id }}
            order by rows_of_load._row_number
        )
) as compared
{%- endmacro %}
