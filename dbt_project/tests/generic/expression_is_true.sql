{# Returns each row for which `expression` is false or null. As in dbt_utils, but there a null does not fail. #}
{% test expression_is_true(model, expression) %}
select *
from {{ model }}
where ({{ expression }}) is not true
{% endtest %}
