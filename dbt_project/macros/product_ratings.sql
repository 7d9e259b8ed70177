{#
    The average rating of a product that begins with `bayesian_prior_weight` imagined reviews of `bayesian_prior_mean`, so
    that one review of five stars does not lead the list.
#}
{% macro bayesian_rating(rating_sum, review_count) -%}
round(
    ({{ rating_sum }} + {{ var('bayesian_prior_weight') }} * {{ var('bayesian_prior_mean') }}::numeric)
    / ({{ review_count }} + {{ var('bayesian_prior_weight') }}), 4
)::numeric(6, 4)
{%- endmacro %}

{#
    Whether a product's recent ratings are worse than those before: enough reviews in both windows, a difference that
    matters, and one that chance does not explain: Welch's statistic (Welch 1947) against a normal quantile, one-sided.
    Written without a division, so that two windows without any variance need no special case.
#}
{% macro is_rating_drop(windows) -%}
coalesce(
    {{ windows }}.recent_count >= {{ var('rating_drop_minimum_recent') }}
    and {{ windows }}.prior_count >= {{ var('rating_drop_minimum_prior') }}
    and {{ windows }}.prior_average - {{ windows }}.recent_average >= {{ var('rating_drop_difference') }}
    and {{ windows }}.prior_average - {{ windows }}.recent_average > {{ var('rating_drop_z') }} * sqrt(
        {{ windows }}.recent_variance / nullif({{ windows }}.recent_count, 0)
        + {{ windows }}.prior_variance / nullif({{ windows }}.prior_count, 0)
    ),
    false
)
{%- endmacro %}
