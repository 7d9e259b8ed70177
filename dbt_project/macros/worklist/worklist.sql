{#
    The worklist of a build: its days and their loads. The first model of a pipeline freezes it in a table, and every model,
    test and publish of that build reads the table. A day admitted in the meantime waits for the next build.

    Default: the pending days, whose published load is not the admitted one; with `needs_scores`, only those with scored
    texts. A day that was taken out (`daybreak unpublish`) is pending without a load until its rows have left the marts.
    --vars '{from: 2026-01-01, to: 2026-01-31}': the admitted days in that range, published or not.
    --full-refresh: all admitted days; the publish replaces all contents.
    Target `dev`: all published days with their published loads, or those in the range.

    With build_id and based_on, publish refuses an incomplete build, or one whose marts changed in the meantime.
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
    and coalesce({{ load_id }}, published_load_id) is not null
    {%- if needs_scores %}
    and (
        {{ load_id }} is null
        or exists (
            select from {{ source('ops', 'loads') }} as loads
            where loads.load_id = {{ load_id }} and loads.scored_at is not null
        )
    )
    {%- endif %}
    {%- if is_full_refresh() == 'true' and not (is_of_published and is_range) %}
    {%- elif is_range %}
    and day between {{ date_literal(var('from')) }} and {{ date_literal(var('to')) }}
    {%- else %}
    and admitted_load_id is distinct from published_load_id
    {%- endif %}
{% endmacro %}

{# Whether this is a `--full-refresh`, as SQL. A macro, so that unit tests can override it. Always true in `dev`. #}
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
