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
    The lower bound of Wilson's score interval (Wilson 1927) for the share of positive reviews, with the normal quantile
    `wilson_z`. Multiplied out, so that only one division and one root are taken.
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
    How the ratings of a product's windows move, in stars per 30 days: the slope of the least-squares line through ratings
    over days. From whole sums and with one division, so that it is the same in whatever order rows are read. Null with
    fewer than `rating_trend_minimum` reviews, or if all are of one day.
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
