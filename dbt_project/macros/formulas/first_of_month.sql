{# The first day of a date's month. By way of a timestamp without a zone: date_trunc of a date would go through the session's. #}
{% macro first_of_month(date) -%}
date_trunc('month', {{ date }}::timestamp)::date
{%- endmacro %}
