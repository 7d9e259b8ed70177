{# The rules that apply to every dataset. #}

{% macro longest_text_bytes(relation, row_alias) -%}
greatest(
    {%- for field in declared_fields(relation) %}
    octet_length({{ row_alias }}.{{ field }}),
    {%- endfor %}
    0
)
{%- endmacro %}

{# True for an id that is too long for an index: the limit is 2,704 bytes, shared by two ids in a composite key. #}
{% macro is_too_long(id) -%}
coalesce(octet_length({{ id }}) > 1000, false)
{%- endmacro %}

{# The common rejection reasons, as elements of the array. The first of `ids` identifies the row. #}
{% macro common_reasons(relation, ids) -%}
case when is_item_no_object then 'not_an_object' end,
            {%- for field in declared_fields(relation) %}
            case when {{ is_missing(field) }} and '{{ field }}' = any(required_fields) then 'missing_{{ field }}' end,
            {%- endfor %}
            case when _escaped is not null then 'unstorable_text' end,
            case when longest_text_bytes > max_text_bytes then 'text_too_long' end,
            case
                when {% for id in ids %}{{ is_too_long(id) }}{{ ' or ' if not loop.last }}{% endfor %} then 'id_too_long'
            end,
            case when not is_last_of_id and not {{ is_missing(ids[0]) }} then 'superseded' end
{%- endmacro %}
