{# A date from the command line as SQL. It is validated, because dbt pastes vars into SQL unquoted. #}
{% macro date_literal(value) -%}
{%- if not modules.re.fullmatch('[0-9]{4}-[0-9]{2}-[0-9]{2}', value | string) -%}
    {{ exceptions.raise_compiler_error("vars from and to must be dates like 2026-01-31, not '" ~ value ~ "'") }}
{%- endif -%}
date '{{ value }}'
{%- endmacro %}
