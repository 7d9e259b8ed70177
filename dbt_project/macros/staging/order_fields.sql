{# The fields of an order that a shop need not declare: currency, parts of the total, marks of orders that are no sales,
   refunds. #}

{% macro parts_of_total() -%}
{{ return(['discount_amount', 'tax_amount', 'shipping_amount']) }}
{%- endmacro %}

{# The fields with their types; null where they are unreadable. #}
{% macro further_fields() -%}
{%- for part in parts_of_total() -%}
{{ part_of_total('source.' ~ part) }} as {{ part }}_read,
{% endfor -%}
{{ flag_value('source.is_test') }} as is_test_read,
case when not {{ is_no_date('source.cancelled_at') }} then {{ parse_date('source.cancelled_at', 'source._day') }} end
    as local_cancelled_at,
{{ parse_refunds('source.refunds') }} as parsed_refunds
{%- endmacro %}

{# The same, with their names and types in the staging model. #}
{% macro further_columns() -%}
currency_of_order as currency,
{% for part in parts_of_total() -%}
case when {{ part }}_read < 1e16 then {{ part }}_read::numeric(18, 2) end as {{ part }},
{% endfor -%}
is_test_read as is_test,
local_cancelled_at as cancelled_at,
case when jsonb_typeof(parsed_refunds) = 'array' then parsed_refunds::text end as refunds
{%- endmacro %}

{# The rejection reasons of these fields, as elements of the array. #}
{% macro reasons_of_further_fields() -%}
case when is_foreign and {{ is_missing('exchange_rate') }} then 'currency_not_the_shops' end,
case when is_rate_unreadable then 'exchange_rate_unreadable' end,
case
    when not {{ is_missing('discount_amount') }} and coalesce(discount_amount_read >= 1e16, true)
        then 'discount_unreadable'
end,
case
    when not {{ is_missing('tax_amount') }} and coalesce(tax_amount_read >= 1e16, true)
        then 'tax_unreadable'
end,
case
    when not {{ is_missing('shipping_amount') }} and coalesce(shipping_amount_read >= 1e16, true)
        then 'shipping_unreadable'
end,
case when is_test_read is null then 'is_test_unreadable' end,
case
    when local_cancelled_at is null and not {{ is_no_date('cancelled_at') }} then 'cancelled_at_unreadable'
end,
case when jsonb_typeof(parsed_refunds) = 'string' then parsed_refunds #>> '{}' end
{%- endmacro %}

{# The value of a flag: false without one, null if it is unreadable. #}
{% macro flag_value(text) -%}
case
                when {{ is_missing(text) }} then false
                when lower({{ trimmed(text) }}) in ('true', 't', 'yes', 'y', 'on', '1') then true
                when lower({{ trimmed(text) }}) in ('false', 'f', 'no', 'n', 'off', '0') then false
            end
{%- endmacro %}

{# True for a date that is missing, or 0000-00-00, which MySQL stores for one. #}
{% macro is_no_date(text) -%}
({{ is_missing(text) }} or {{ trimmed(text) }} like '0000-00-00%')
{%- endmacro %}

{#
    A part of an order's total: discount, tax or shipping. The sign is dropped, since shops write discounts either way, and
    further decimals are rounded half up, since shops send taxes with more of them. Null without a part, or if it is
    unreadable or too large.
#}
{% macro part_of_total(text) -%}
case when not {{ is_missing(text) }} then round(abs({{ amount_of(text) }}), 2) end
{%- endmacro %}

{# A status as it is compared: without regard to case, white space, and the prefix of WooCommerce's own. Keep it in step with
   ingestion/values/statuses.py. #}
{% macro comparable_status(status) -%}
regexp_replace(lower(translate({{ status }}, {{ white_space() }}, '')), '^wc-', '')
{%- endmacro %}
