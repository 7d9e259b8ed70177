{#
    The worklist of a build: which days, from which loads. It is frozen in a table by the first model of a pipeline, and
    every model, test and publish of that build reads it there, so that a day admitted meanwhile waits for the next build.

    Pending is what is admitted and not published; with `needs_scores`, what is also scored for sentiment. `--vars '{from: 2026-01-01, to: 2026-01-31}'` builds those days again,
    published or not; `--full-refresh` builds every admitted day, and its publish replaces all contents.
    In the target `dev` it is what readers see: every published day with its published load, or those between the vars.
    build_id and based_on let the publish refuse what is half-built or based on marts that have changed since.
#}
{% macro worklist(dataset, pipeline, needs_scores=false) %}
{%- set is_of_published = is_dev() and is_full_refresh() == 'true' -%}
{%- set load_id = 'published_load_id' if is_of_published else 'admitted_load_id' %}
{%- set is_range = var('from', none) or var('to', none) %}
select
    day,
    {{ load_id }} as load_id,
    '{{ invocation_id }}' as build_id,
    {{ is_full_refresh() }} as is_full,
    coalesce({{ newest_publication(pipeline) }}, 0) as based_on
from {{ source('ops', 'day_ledger') }}
where
    dataset = '{{ dataset }}'
    and {{ load_id }} is not null
    {%- if needs_scores %}
    and exists (
        select from {{ source('ops', 'loads') }} as loads
        where loads.load_id = {{ load_id }} and loads.scored_at is not null
    )
    {%- endif %}
    {%- if is_full_refresh() == 'true' and not (is_of_published and is_range) %}
    {%- elif is_range %}
    and day between {{ date_literal(var('from')) }} and {{ date_literal(var('to')) }}
    {%- else %}
    and admitted_load_id is distinct from published_load_id
    {%- endif %}
{% endmacro %}

{# Whether this is a `--full-refresh`, as SQL: a macro, so that a unit test can say that it is none. What `dev` has is whole. #}
{% macro is_full_refresh() -%}
{{ return('true' if flags.FULL_REFRESH or is_dev() else 'false') }}
{%- endmacro %}

{# The newest publication of a pipeline: null before the first. #}
{% macro newest_publication(pipeline) -%}
(select max(publication_id) from {{ source('ops', 'publications') }} where pipeline = '{{ pipeline }}')
{%- endmacro %}

{# The day up to which readers see a pipeline's marts: null before the first publication. #}
{% macro as_of_date(pipeline) -%}
(
    select as_of_date
    from {{ source('ops', 'publications') }}
    where pipeline = '{{ pipeline }}'
    order by publication_id desc
    limit 1
)
{%- endmacro %}
