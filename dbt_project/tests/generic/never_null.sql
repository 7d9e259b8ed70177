{# Returns each row with a null in one of `columns`, in one scan. dbt's not_null needs a scan per column. #}
{% test never_null(model, columns) %}
select *
from {{ model }}
where num_nulls({{ columns | join(', ') }}) > 0
{% endtest %}
