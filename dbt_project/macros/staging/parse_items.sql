{#
    The items of an order as a JSON list of {product_id, quantity, amount}, or the rejection reason as a JSON string if they
    are unreadable. Null without items. Needs the rows `settings` and `exchange`, as amount_of. The amount is that of the whole
    line, rounded half up, because a unit price can have more than two decimals.
#}
{% macro parse_items(text) -%}
case
    when {{ text }} is null or settings.item_product_id is null or {{ is_missing(text) }} then null
    when octet_length({{ text }}) > settings.max_text_bytes then null  -- rejected as text_too_long
    when not {{ is_flat_enough(text) }} or not pg_input_is_valid({{ text }}, 'jsonb') then '"items_not_a_list"'::jsonb
    when {{ has_huge_exponent(text) }} then '"item_unreadable"'::jsonb
    when {{ listed(text, 'settings.item_product_id') }} is null then '"items_not_a_list"'::jsonb
    else (
        select
            case
                when bool_or(not is_readable) then '"item_unreadable"'::jsonb
                else
                    jsonb_agg(
                        jsonb_build_object('product_id', product_id, 'quantity', quantity, 'amount', amount)
                        order by item_number
                    )
            end
        from ({{ read_items(text) }}) as items
    )
end
{%- endmacro %}

{# Each item of the list. An item without a product is readable: a gift card or a free-text line, for example. #}
{% macro read_items(text) -%}
select
    item_number,
    product_id,
    quantity,
    round(amount, 2) as amount,
    coalesce(
        quantity = round(quantity, 3) and abs(quantity) < 1e9 and abs(amount) < 1e13
        and not {{ is_too_long('product_id') }},
        false
    ) as is_readable
from (
    select
        item_number,
        nullif({{ trimmed('item #>> settings.item_product_id') }}, '') as product_id,
        {{ quantity_value('quantity_as_sent') }} as quantity,
        case
            when settings.item_total is not null then {{ amount_of('reported_total') }}
            -- the product of two huge numbers would overflow numeric
            when abs({{ quantity_value('quantity_as_sent') }}) < 1e9
                then {{ amount_of('price_as_sent') }} * {{ quantity_value('quantity_as_sent') }}
        end as amount
    from (
        select
            item,
            item_number,
            item #>> settings.item_quantity as quantity_as_sent,
            item #>> settings.item_price as price_as_sent,
            item #>> settings.item_total as reported_total
        from jsonb_array_elements({{ listed(text, 'settings.item_product_id') }}) with ordinality as sent (item, item_number)
        limit all offset 0  -- noqa: AM09
    ) as parsed_items
    limit all offset 0  -- noqa: AM09
) as typed_items
{%- endmacro %}

{# The quantity; 1 if the shop sends none. #}
{% macro quantity_value(text) -%}
case when {{ text }} is null then 1 else {{ decimal_value(text) }} end
{%- endmacro %}
