{# An amount divided by a count, rounded half up once to cents. #}
{% macro money_average(amount, number) -%}
{{ return(adapter.dispatch('money_average')(amount, number)) }}
{%- endmacro %}

{% macro postgres__money_average(amount, number) -%}
cast(round({{ amount }} / {{ number }}, 2) as numeric(38, 2))
{%- endmacro %}

{# A quotient of long decimals has six digits in Spark, rounded: a second rounding would lose cents. The remainder is small
   enough for eighteen. #}
{% macro spark__money_average(amount, number) -%}
{%- set remainder -%}
({{ amount }}) % cast({{ number }} as decimal(20, 0))
{%- endset -%}
cast(
    ({{ amount }} - {{ remainder }}) / {{ number }}
    + round(cast({{ remainder }} as decimal(20, 2)) / cast({{ number }} as decimal(20, 0)), 2)
    as numeric(38, 2)
)
{%- endmacro %}
