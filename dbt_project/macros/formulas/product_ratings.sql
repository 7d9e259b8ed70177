{#
    The average rating, with `bayesian_prior_weight` additional reviews of `bayesian_prior_mean` stars, so that a product
    with a single five-star review does not lead the list.
#}
{% macro bayesian_rating(rating_sum, review_count) -%}
round(
    ({{ rating_sum }} + {{ var('bayesian_prior_weight') }} * {{ var('bayesian_prior_mean') }}::numeric)
    / ({{ review_count }} + {{ var('bayesian_prior_weight') }}), 4
)::numeric(6, 4)
{%- endmacro %}

{#
    The lower bound of Wilson's score interval (Wilson 1927) for the share of positive reviews, with the normal quantile
    `wilson_z`. Expanded to one division and one square root.
#}
{% macro wilson_lower_bound(positive_count, review_count) -%}
round(
    (
        {{ positive_count }} + {{ var('wilson_z') }}::numeric ^ 2 / 2
        - {{ var('wilson_z') }} * sqrt(
            ({{ positive_count }} * ({{ review_count }} - {{ positive_count }}))::numeric / {{ review_count }}
            + {{ var('wilson_z') }}::numeric ^ 2 / 4
        )
    ) / ({{ review_count }} + {{ var('wilson_z') }}::numeric ^ 2), 4
)::numeric(5, 4)
{%- endmacro %}

{#
    The trend of a product's ratings in both windows, in stars per 30 days: the slope of the least-squares line. Computed
    from integer sums with one division, so that the row order does not matter. Null with fewer than
    `rating_trend_minimum` reviews, or if all are of the same day.
#}
{% macro rating_trend(windows) -%}
case
    when {{ windows }}.review_count >= {{ var('rating_trend_minimum') }}
        then round(
            30 * (
                {{ windows }}.review_count * {{ windows }}.day_rating_sum
                - {{ windows }}.day_sum * {{ windows }}.rating_sum
            ) / nullif(
                {{ windows }}.review_count * {{ windows }}.day_square_sum
                - {{ windows }}.day_sum * {{ windows }}.day_sum, 0
            ), 4
        )
end::numeric(7, 4)
{%- endmacro %}
