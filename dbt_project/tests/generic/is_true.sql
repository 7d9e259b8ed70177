{# Fails with each row of which `expression` is false or unknown. #}
{% test is_true(model, expression) %}
select *
from {{ model }}
where ({{ expression }}) is not true
{% endtest %}
