{#
    Each pipeline has a publish function in the schema of the build. `dbt build`, `dbt run-operation publish` and the publish
    step call it; the step need not start dbt (decision 0018). The function is replaced if its definition changed, and
    reads the build to publish from the worklist.
#}
{% macro publish_function_of(pipeline) -%}
{{ relation_of(pipeline.worklist).schema }}.publish_{{ pipeline.name }}()
{%- endmacro %}

{# The lock serializes definitions: two builds may end at the same time, and Postgres would reject the second. #}
{% macro define_publish(pipeline) %}
{%- set body = publish_body(pipeline) -%}
{%- set known = run_query(
    "select md5(prosrc) as body from pg_proc where oid = to_regprocedure('" ~ publish_function_of(pipeline) ~ "')"
) -%}
{%- if known.rows | length == 0 or known.rows[0]['body'] != local_md5(body) -%}
    {%- call statement('define_publish', auto_begin=true) -%}
select pg_advisory_xact_lock(hashtextextended('define publish {{ pipeline.name }}', 0));
drop function if exists {{ publish_function_of(pipeline) }};
create function {{ publish_function_of(pipeline) | replace('()', '(out blocker text, out day_count bigint, out last_day date)') }}
language plpgsql as $publish${{ body }}$publish$
    {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endif -%}
{% endmacro %}

{# Record the publication, and its days with their loads. Part of publish_body(). #}
{% macro record_publication(pipeline) %}
    insert into {{ source('ops', 'publications') }} (pipeline, build_id, as_of_date, day_count, rows_published)
    values (
        '{{ pipeline.name }}',
        frozen.build_id,
        {% if pipeline.dataset -%}
        (select max(day) from {{ source('ops', 'day_ledger') }}
        where dataset = '{{ pipeline.dataset }}' and published_load_id is not null),
        {%- else -%}
        frozen.newest,
        {%- endif %}
        frozen.number,
        rows_published
    )
    returning publication_id into publication;
    {%- if pipeline.dataset %}

    insert into {{ source('ops', 'publication_days') }} (publication_id, dataset, day, load_id)
    select publication, '{{ pipeline.dataset }}', day, load_id from {{ relation_of(pipeline.worklist) }};
    {%- endif %}
{% endmacro %}
