{# Fails with each row that has a null in one of `columns`: one scan for all of them. #}
{% test never_null(model, columns) %}
select *
from {{ model }}
where num_nulls({{ columns | join(', ') }}) > 0
{% endtest %}
