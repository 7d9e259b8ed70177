{# Schemas are named as they are: `marts`, not `build_marts`. On an engine each build has one of its own. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
{%- if target.type == 'spark' -%}{{ target.schema }}{%- else -%}{{ (custom_schema_name or target.schema) | trim }}{%- endif -%}
{%- endmacro %}
