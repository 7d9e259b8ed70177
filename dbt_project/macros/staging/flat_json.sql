{# False for JSON that may nest so deep that Postgres gives up on the query instead of calling it invalid. Many brackets are
   fine if few are left of them without texts, and then, three times, without what holds no other bracket. #}
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
