{# A fresh table has no statistics, and the next model would be planned without. #}
{% macro analyze_built_table() -%}
{%- if model.config.materialized == 'table' and target.type == 'postgres' -%}analyze {{ this }}{%- endif -%}
{%- endmacro %}
