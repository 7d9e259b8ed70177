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
    How likely chance alone makes a product's recent ratings so much worse than those before: Welch's statistic (Welch 1947)
    against the normal distribution, one-sided. It is rounded before and after the one function that is computed in
    floating point. Windows without any variance are certain. Null where `standard_error` is.
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
    Whether a product's recent ratings are worse than those before: a difference that matters, and one that chance does not
    explain, although many products are looked at.
#}
{% macro is_rating_drop(windows) -%}
coalesce(
    -{{ windows }}.rating_delta >= {{ var('rating_drop_difference') }}
    and {{ windows }}.drop_q_value <= {{ var('rating_drop_fdr') }},
    false
)
{%- endmacro %}
