{#
    Returns each key that occurs on several rows, or that contains a null: `combination_of_columns` are its columns. As in
    dbt_utils, but there a null does not fail.
#}
{% test unique_combination_of_columns(model, combination_of_columns) %}
select
    {{ combination_of_columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ combination_of_columns | join(', ') }}
having count(*) > 1 or num_nulls({{ combination_of_columns | join(', ') }}) > 0
{% endtest %}
