{#
    Tables of a build on an engine (decision 0010). The engine computes the models with the tag `on_engine` and writes them
    as Parquet to the folder in the var `engine_folder`. The results are then loaded into Postgres as
    `<model>__from_engine`. If the var `engine_build` is set, Postgres takes these rows instead of running the model's SQL.
    A result without rows has no such table.
#}
{% macro postgres__create_table_as(temporary, relation, sql) -%}
{%- set rows = sql -%}
{%- if var('engine_build', none) and 'on_engine' in model.tags -%}
    {%- set from_engine = load_relation(this.incorporate(path={'identifier': model.alias ~ '__from_engine'})) -%}
    {%- set rows = 'select * from ' ~ (from_engine or '(' ~ sql ~ ') as no_rows where false') -%}
{%- endif -%}
{{ dbt.postgres__create_table_as(temporary, relation, rows) }}
{%- endmacro %}

{% macro spark__file_format_clause() -%}
using parquet
{%- endmacro %}

{% macro spark__location_clause() -%}
location '{{ var("engine_folder") }}/{{ model.alias }}'
{%- endmacro %}
