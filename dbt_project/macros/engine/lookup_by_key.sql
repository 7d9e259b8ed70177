{#
    The rows of `relation` that have a key of `keys`, both named as in a `from`; `key` is the column of both. A part of the
    SQL that Postgres and Spark write differently: see decision 0010.
#}
{% macro lookup_by_key(keys, relation, key) -%}
{{ return(adapter.dispatch('lookup_by_key')(keys, relation, key)) }}
{%- endmacro %}

{# Offset 0 makes it one look-up per key: a join would be planned without statistics, and read the whole history. #}
{% macro postgres__lookup_by_key(keys, relation, key) -%}
select found.*
    from {{ keys }} as keys
    cross join
        lateral (
            select rows_of_key.*
            from {{ relation }} as rows_of_key
            where keys.{{ key }} = rows_of_key.{{ key }}
            limit all offset 0  -- noqa: AM09
        ) as found
{%- endmacro %}

{# It is given only what may be looked up. #}
{% macro spark__lookup_by_key(keys, relation, key) -%}
select found.*
    from {{ keys }} as keys
    inner join {{ relation }} as found on keys.{{ key }} = found.{{ key }}
{%- endmacro %}
