{#
    RFM: how recently, how often and for how much a customer has bought, each scored from 1 (worst fifth) to 5 (best fifth).
    The limits between the fifths are learnt weekly from all customers (modeling/customers.py); equal values score alike, so
    that a fifth may be empty: where most customers have bought once, all of these have frequency 1.
#}

{# 1 to 5: one more for each of the four limits that the value exceeds. Null without limits. #}
{% macro rfm_score(value, limits) -%}
(1{% for number in range(1, 5) %} + ({{ value }} > {{ limits }}[{{ number }}])::integer{% endfor %})
{%- endmacro %}

{# The segment's name: a line per recency score from 1 to 5, in it a name per frequency score from 1 to 5. #}
{% macro rfm_segment(recency, frequency) -%}
(array[
    ['hibernating', 'hibernating', 'at_risk', 'at_risk', 'cannot_lose_them'],
    ['hibernating', 'hibernating', 'at_risk', 'at_risk', 'cannot_lose_them'],
    ['about_to_sleep', 'about_to_sleep', 'need_attention', 'loyal_customers', 'loyal_customers'],
    ['promising', 'potential_loyalists', 'potential_loyalists', 'loyal_customers', 'loyal_customers'],
    ['new_customers', 'potential_loyalists', 'potential_loyalists', 'champions', 'champions']
])[{{ recency }}][{{ frequency }}]
{%- endmacro %}
