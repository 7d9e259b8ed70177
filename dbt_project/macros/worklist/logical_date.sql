{# A partial index of orders whose logical_date is not their order_date. It is empty if the two are always equal. #}
{% macro index_updated_orders() %}
do $index$
begin
    if to_regclass('{{ this.schema }}.{{ this.name }}_updated') is null then
        create index {{ this.name }}_updated on {{ this }} (logical_date) where logical_date <> order_date;
    end if;
end
$index$
{% endmacro %}
