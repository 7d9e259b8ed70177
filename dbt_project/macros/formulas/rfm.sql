{#
    RFM: recency, frequency and monetary value, each scored from 1 (lowest fifth) to 5 (highest fifth). The limits between
    the fifths are fitted weekly on all customers (modeling/customers.py). Equal values get equal scores, so a fifth can be
    empty: if most customers have one order, all of them have frequency 1.
#}

{# 1 plus the number of limits that the value exceeds. Null without limits. #}
{% macro rfm_score(value, limits) -%}
(1{% for number in range(1, 5) %} + ({{ value }} > {{ limits }}[{{ number }}])::integer{% endfor %})
{%- endmacro %}

{# The segment's name. One line per recency score 1 to 5, with one name per frequency score 1 to 5. #}
{% macro rfm_segment(recency, frequency) -%}
(array[
    ['hibernating', 'hibernating', 'at_risk', 'at_risk', 'cannot_lose_them'],
    ['hibernating', 'hibernating', 'at_risk', 'at_risk', 'cannot_lose_them'],
    ['about_to_sleep', 'about_to_sleep', 'need_attention', 'loyal_customers', 'loyal_customers'],
    ['promising', 'potential_loyalists', 'potential_loyalists', 'loyal_customers', 'loyal_customers'],
    ['new_customers', 'potential_loyalists', 'potential_loyalists', 'champions', 'champions']
])[{{ recency }}][{{ frequency }}]
{%- endmacro %}
