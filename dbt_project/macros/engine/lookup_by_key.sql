{#
    Selects the rows of `relation` whose `key` is in `keys`. Both are names or subqueries as in a `from` clause. The SQL
    differs between Postgres and Spark: see decision 0010.
#}
{% macro lookup_by_key(keys, relation, key) -%}
{{ return(adapter.dispatch('lookup_by_key')(keys, relation, key)) }}
{%- endmacro %}

{# Offset 0 forces one index lookup per key. Postgres would plan a join without statistics and read the whole history. #}
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

{# The engine gets only the rows that can match, so a join is fine. #}
{% macro spark__lookup_by_key(keys, relation, key) -%}
select found.*
    from {{ keys }} as keys
    inner join {{ relation }} as found on keys.{{ key }} = found.{{ key }}
{%- endmacro %}
