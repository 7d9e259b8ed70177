{# How orders are found by logical date. #}

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
