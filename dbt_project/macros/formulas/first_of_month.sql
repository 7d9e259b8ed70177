{# The first day of a date's month. The cast to timestamp avoids the session's time zone, which date_trunc of a date uses. #}
{% macro first_of_month(date) -%}
date_trunc('month', {{ date }}::timestamp)::date
{%- endmacro %}
