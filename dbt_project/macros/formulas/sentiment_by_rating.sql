{# Where there is no text, or none in a language that we score: 4 and 5 are positive, 3 is neutral, 1 and 2 are negative. #}
{% macro sentiment_by_rating(rating) -%}
case when {{ rating }} >= 4 then 'positive' when {{ rating }} = 3 then 'neutral' else 'negative' end
{%- endmacro %}
