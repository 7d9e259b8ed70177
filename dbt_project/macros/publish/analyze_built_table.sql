{# A new table has no statistics, which the planner needs for the next model. #}
{% macro analyze_built_table() -%}
{%- if model.config.materialized == 'table' and target.type == 'postgres' -%}analyze {{ this }}{%- endif -%}
{%- endmacro %}
