{#
    Applies the changes of a build to a mart in two statements: delete affected rows that are not in the changes, then merge
    the changes. A row is updated only if its contents differ. The update stays on the row's page if that has room
    (`fillfactor`), and writes no index then (decision 0011).

    The primary key of the contract identifies a row. `key` can have fewer columns: an order can be superseded on several
    days. In a full refresh all rows are affected.
#}
{% macro delete_vanished_rows(mart) %}
    {#- if the key is the primary key, compare the affected keys with the changes: only the deleted rows of the mart are read -#}
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

{# The join condition between `changes` and the mart, or another alias, by primary key. #}
{% macro is_same_row(mart, alias='mart') -%}
{%- for column in primary_key_of(mart) -%}
{{ alias }}.{{ column }} = changes.{{ column }}{{ ' and ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}

{# The columns that the mart shares with its affected keys, as a list; meta.key can be a single name. #}
{% macro key_of(mart) -%}
{%- set key = mart.config.meta.key -%}
{{ return([key] if key is string else key) }}
{%- endmacro %}

{# The columns of the primary key in a mart's contract. #}
{% macro primary_key_of(mart) -%}
{{ return((mart.constraints | selectattr('type', 'equalto', 'primary_key') | first).columns) }}
{%- endmacro %}
