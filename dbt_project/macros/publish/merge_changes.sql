{#
    A mart takes over what a build computed, row by row, in two statements: affected rows that are no longer there go, and
    the changes are merged. A row whose contents differ is changed in place, and one that is as it was is not written. In
    place means that it stays on its page, if that has room (`fillfactor`), and that no index is written (decision 0011).

    A row is told by the primary key of its contract. `key` may be less: an order is superseded on several days.
    A full refresh touches every row.
#}
{% macro delete_vanished_rows(mart) %}
    {#- of a key that is the primary key it is told without the mart, so that of the mart only what goes is read -#}
    {%- set is_identified_by_affected = key_of(mart) | sort == primary_key_of(mart) | sort %}
    if frozen.is_full then
        delete from {{ relation_of(mart.name) }} as mart
        where
            not exists (
                select from {{ relation_of(mart.name ~ '__changes') }} as changes
                where {{ is_same_row(mart) }}
            );
    else
        delete from {{ relation_of(mart.name) }} as mart
        using {{ relation_of(mart.config.meta.affected) }} as affected
        where
            not exists (
                select from {{ relation_of(mart.name ~ '__changes') }} as changes
                where {{ is_same_row(mart, 'affected' if is_identified_by_affected else 'mart') }}
            )
            {%- for column in key_of(mart) %}
            and mart.{{ column }} = affected.{{ column }}
            {%- endfor %};
    end if;
{% endmacro %}

{% macro merge_changes(mart) %}
    {%- set columns = mart.columns.keys() | list -%}
    {%- set contents = columns | reject('in', primary_key_of(mart)) | list %}
    merge into {{ relation_of(mart.name) }} as mart
    using {{ relation_of(mart.name ~ '__changes') }} as changes
    on {{ is_same_row(mart) }}
    when matched and (mart.{{ contents | join(', mart.') }}) is distinct from (changes.{{ contents | join(', changes.') }}) then
        update set ({{ contents | join(', ') }}) = row (changes.{{ contents | join(', changes.') }})
    when not matched then
        insert ({{ columns | join(', ') }}) values (changes.{{ columns | join(', changes.') }});
{% endmacro %}

{# Whether a row, of the mart if not of another alias, and one of `changes` are the same, before and after. #}
{% macro is_same_row(mart, alias='mart') -%}
{%- for column in primary_key_of(mart) -%}
{{ alias }}.{{ column }} = changes.{{ column }}{{ ' and ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}

{# The columns that tell which rows are affected: one name, or a list of them. #}
{% macro key_of(mart) -%}
{%- set key = mart.config.meta.key -%}
{{ return([key] if key is string else key) }}
{%- endmacro %}

{# The columns of the primary key in a mart's contract. #}
{% macro primary_key_of(mart) -%}
{{ return((mart.constraints | selectattr('type', 'equalto', 'primary_key') | first).columns) }}
{%- endmacro %}
