{# The standard error of the difference between a product's recent and prior average (stars); null with too few reviews. #}
{% macro rating_delta_error(windows) -%}
case
    when
        {{ windows }}.recent_count >= {{ var('rating_drop_minimum_recent') }}
        and {{ windows }}.prior_count >= {{ var('rating_drop_minimum_prior') }}
        then sqrt(
            {{ windows }}.recent_variance / {{ windows }}.recent_count
            + {{ windows }}.prior_variance / {{ windows }}.prior_count
        )
end
{%- endmacro %}

{#
    The one-sided p-value of a rating drop: Welch's statistic (Welch 1947) against the normal distribution. Rounded before
    and after erfc, the only floating-point function. Without variance it is 0 or 1. Null if `standard_error` is null.
#}
{% macro drop_p_value(windows) -%}
case
    when {{ windows }}.standard_error > 0
        then round(
            erfc(
                round(({{ windows }}.prior_average - {{ windows }}.recent_average) / {{ windows }}.standard_error, 6)
                ::double precision / sqrt(2::double precision)
            )::numeric / 2, 6
        )
    when {{ windows }}.standard_error = 0
        then ({{ windows }}.prior_average <= {{ windows }}.recent_average)::integer
end::numeric(7, 6)
{%- endmacro %}

{#
    Whether a product's recent ratings are worse than the prior ones: the difference is large enough, and it is significant
    after the correction for the number of products.
#}
{% macro is_rating_drop(windows) -%}
coalesce(
    -{{ windows }}.rating_delta >= {{ var('rating_drop_difference') }}
    and {{ windows }}.drop_q_value <= {{ var('rating_drop_fdr') }},
    false
)
{%- endmacro %}
