{# False for JSON that may be nested so deeply that Postgres fails the query instead of reporting invalid JSON. Many
   brackets are fine if few remain after removing strings, and then, three times, the innermost brackets. #}
{% macro is_flat_enough(text) -%}
{%- set skeleton = namespace(text=without(text, '"([^"\\\\]|\\\\.)*"')) -%}
{%- for _ in range(3) -%}{%- set skeleton.text = without(skeleton.text, '[{[][^][{}]*[]}]') -%}{%- endfor -%}
case when {{ count_of_brackets(text) }} <= 5000 then true else {{ count_of_brackets(skeleton.text) }} <= 5000 end
{%- endmacro %}

{% macro without(text, pattern) -%}
regexp_replace({{ text }}, '{{ pattern }}', '', 'g')
{%- endmacro %}

{% macro count_of_brackets(text) -%}
octet_length({{ text }}) - octet_length(translate({{ text }}, '[{', ''))
{%- endmacro %}
