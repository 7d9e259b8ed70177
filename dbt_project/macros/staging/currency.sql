{# How amounts become the shop's currency: the order's currency, whether it is another than the shop's, and the rate to
   divide by, null without a conversion. Offset 0 as in the staging model. #}
{% macro conversion() -%}
select
    coalesce(sent.currency_sent, settings.currency) as currency_of_order,
    coalesce(sent.currency_sent <> settings.currency, false) as is_foreign,
    sent.rate is null
    and not {{ is_missing('source.exchange_rate') }}
    and (sent.currency_sent = settings.currency) is not true as is_rate_unreadable,
    case when (sent.currency_sent = settings.currency) is not true then sent.rate end as conversion_rate
from (
    select
        {{ currency_code('source.currency') }} as currency_sent,
        {{ exchange_rate('source.exchange_rate') }} as rate
) as sent
limit all offset 0
{%- endmacro %}

{# An amount of the order in the shop's currency. Needs a row of ops.dataset_settings as `settings`, and `exchange` with the
   conversion_rate, null without a conversion. #}
{% macro amount_of(text) -%}
{%- set amount = parse_amount(text) ~ ' * settings.amount_unit' -%}
case when exchange.conversion_rate is null then {{ amount }} else {{ amount }} / exchange.conversion_rate end
{%- endmacro %}

{# A currency's code in capital letters; null without one. #}
{% macro currency_code(text) -%}
nullif(upper({{ trimmed(text) }}), '')
{%- endmacro %}

{# An exchange rate, in the order's currency per unit of the shop's; null without one, or if it is none. #}
{% macro exchange_rate(text) -%}
case when {{ decimal_value(text) }} between 1e-9 and 1e9 then {{ decimal_value(text) }} end
{%- endmacro %}
