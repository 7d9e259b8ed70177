{#
    Tables of a build on an engine (decision 0010). Models with the tag `on_engine` are computed there, as Parquet in the folder
    that the var `engine_folder` names. Postgres is given the results as `<model>__made`; where the var `engine_build` names that build
    it takes those rows for the model instead of its SQL, and everything else goes its usual way. Without a row there is no
    such table.
#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
{%- set rows = sql -%}
{%- if var('engine_build', none) and 'on_engine' in model.tags -%}
    {%- set made = load_relation(this.incorporate(path={'identifier': model.alias ~ '__made'})) -%}
    {%- set rows = 'select * from ' ~ (made or '(' ~ sql ~ ') as none_made where false') -%}
{%- endif -%}
{{ dbt.postgres__create_table_as(temporary, relation, rows) }}
{%- endmacro %}

{% macro spark__file_format_clause() -%}
using parquet
{%- endmacro %}

{% macro spark__location_clause() -%}
location '{{ var("engine_folder") }}/{{ model.alias }}'
{%- endmacro %}
