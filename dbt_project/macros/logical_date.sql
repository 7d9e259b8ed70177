{# How tables of orders are found by logical date. Each does its part once, also for tables that are older than the column. #}

{# Orders on another logical date than their order_date; where the two are always one, the index has no entries. #}
{% macro index_updated_orders() %}
do $index$
begin
    if to_regclass('{{ this.schema }}.{{ this.name }}_updated') is null then
        create index {{ this.name }}_updated on {{ this }} (logical_date) where logical_date <> order_date;
    end if;
end
$index$
{% endmacro %}

{# An order is shadowed once on each logical date; so far that was its order_date. #}
{% macro key_shadowed_orders_by_logical_date() %}
do $key$
declare
    former_key text := (
        select pg_constraint.conname
        from pg_constraint
        inner join pg_attribute
            on pg_attribute.attrelid = pg_constraint.conrelid and pg_attribute.attnum = any(pg_constraint.conkey)
        where
            pg_constraint.conrelid = '{{ this }}'::regclass
            and pg_constraint.contype = 'p'
            and pg_attribute.attname = 'order_date'
    );
begin
    if former_key is not null then
        update {{ this }} set logical_date = order_date where logical_date is null;
        execute format('alter table {{ this }} drop constraint %I', former_key);
        alter table {{ this }} add primary key (order_id, logical_date);
        create index on {{ this }} (logical_date);
    end if;
end
$key$
{% endmacro %}
