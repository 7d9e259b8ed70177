{# For reviews without a scored text: 4 and 5 stars are positive, 3 neutral, 1 and 2 negative. #}
{% macro sentiment_by_rating(rating) -%}
case when {{ rating }} >= 4 then 'positive' when {{ rating }} = 3 then 'neutral' else 'negative' end
{%- endmacro %}
