{#
    The refunds of an order as a JSON list of {refund_id, refund_date, amount, tax, shipping}, or "refund_unreadable" as a JSON
    string. Null without refunds. Needs the rows `source`, `settings` and `exchange`, as amount_of. The sign of an amount is
    dropped, and further decimals are rounded half up. A refund of 0.00 is none. Of refunds with one id, the last stays.
#}
{% macro parse_refunds(text) -%}
case
    when {{ text }} is null or settings.refund_amount is null or {{ is_missing(text) }} then null
    when octet_length({{ text }}) > settings.max_text_bytes then null  -- rejected as text_too_long
    when not {{ is_flat_enough(text) }} or not pg_input_is_valid({{ text }}, 'jsonb') then '"refund_unreadable"'::jsonb
    when {{ has_huge_exponent(text) }} then '"refund_unreadable"'::jsonb
    when {{ listed(text, 'settings.refund_amount') }} is null then '"refund_unreadable"'::jsonb
    else (
        select
            case
                when bool_or(not is_readable) or sum(amount) filter (where is_last_of_id) >= 1e16
                    then '"refund_unreadable"'::jsonb
                else
                    jsonb_agg(
                        jsonb_build_object(
                            'refund_id', refund_id,
                            'refund_date', refund_date,
                            'amount', amount,
                            'tax', tax,
                            'shipping', shipping
                        )
                        order by refund_number
                    ) filter (where is_last_of_id and amount > 0)
            end
        from ({{ read_refunds(text) }}) as refunds
    )
end
{%- endmacro %}

{# Each refund of the list. One without an id has its number in the list instead. #}
{% macro read_refunds(text) -%}
select
    *,
    coalesce(
        amount < 1e16
        and (settings.refund_date is null or refund_date is not null)
        and not {{ is_too_long('refund_id') }}
        and (tax_as_sent is null or tax < 1e16)
        and (shipping_as_sent is null or shipping < 1e16)
        and (currency is null or exchange.currency_of_order is null or currency = exchange.currency_of_order),
        false
    ) as is_readable,
    row_number() over (partition by refund_id order by refund_number desc) = 1 as is_last_of_id
from (
    select
        refund_number,
        tax_as_sent,
        shipping_as_sent,
        coalesce(nullif({{ trimmed('id_as_sent') }}, ''), '#' || refund_number) as refund_id,
        {{ part_of_total('amount_as_sent') }} as amount,
        {{ part_of_total('tax_as_sent') }} as tax,
        {{ part_of_total('shipping_as_sent') }} as shipping,
        {{ parse_date('date_as_sent', 'source._day') }} as refund_date,
        {{ currency_code('currency_as_sent') }} as currency
    from (
        select
            refund_number,
            refund #>> settings.refund_id as id_as_sent,
            refund #>> settings.refund_amount as amount_as_sent,
            refund #>> settings.refund_date as date_as_sent,
            nullif({{ trimmed('refund #>> settings.refund_tax') }}, '') as tax_as_sent,
            nullif({{ trimmed('refund #>> settings.refund_shipping') }}, '') as shipping_as_sent,
            refund #>> settings.refund_currency as currency_as_sent
        from jsonb_array_elements({{ listed(text, 'settings.refund_amount') }}) with ordinality as sent (refund, refund_number)
        limit all offset 0  -- noqa: AM09
    ) as parsed_refunds
    limit all offset 0  -- noqa: AM09
) as typed_refunds
{%- endmacro %}
