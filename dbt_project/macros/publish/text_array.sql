{# A list of texts as a Postgres array literal. #}
{% macro text_array(values) -%}
array[{% for value in values %}'{{ value | replace("'", "''") }}'{{ ", " if not loop.last }}{% endfor %}]::text[]
{%- endmacro %}
