{# The customer of a row; null for none, or an id that means nobody. An e-mail address is one customer in every spelling: it is
   trimmed, and in lower case. Needs a row of ops.dataset_settings as `settings`. #}
{% macro customer_of(text) -%}
case
                when {{ is_missing(text) }} or {{ trimmed(text) }} = any(settings.no_customer) then null
                when {{ text }} like '%@%' and {{ trimmed(text) }} ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:]]+$' then lower({{ trimmed(text) }})
                else {{ text }}
            end
{%- endmacro %}

{# The rejection reason of an id that means nobody, if the shop must send a customer. #}
{% macro missing_customer() -%}
case
                    when customer is null and not {{ is_missing('customer_id') }} and 'customer_id' = any(required_fields)
                        then 'missing_customer_id'
                end
{%- endmacro %}
