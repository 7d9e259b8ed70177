{#
    A pipeline publishes by a function of its own in the schema of the build. Whoever publishes calls it: the end of a
    `dbt build`, `dbt run-operation publish`, the step of a run, which has no need to start dbt for it (decision 0018). It is
    defined anew when the project asks for another one, and reads from the worklist which build it is to publish.
#}
{% macro publish_function_of(pipeline) -%}
{{ relation_of(pipeline.worklist).schema }}.publish_{{ pipeline.name }}()
{%- endmacro %}

{# One definition at a time, or Postgres refuses the second: two builds may end at once. #}
{% macro define_publish(pipeline) %}
{%- set body = publish_body(pipeline) -%}
{%- set known = run_query(
    "select md5(prosrc) as body from pg_proc where oid = to_regprocedure('" ~ publish_function_of(pipeline) ~ "')"
) -%}
{%- if known.rows | length == 0 or known.rows[0]['body'] != local_md5(body) -%}
    {%- call statement('define_publish', auto_begin=true) -%}
select pg_advisory_xact_lock(hashtextextended('define publish {{ pipeline.name }}', 0));
create or replace function {{ publish_function_of(pipeline) | replace('()', '(out obstacle text, out day_count bigint, out last_day date)') }}
language plpgsql as $publish${{ body }}$publish$
    {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endif -%}
{% endmacro %}

{#
    One call, so one transaction: it sees the marts that the build was based on, or raises and changes nothing. Its result
    is the reason why nothing was published, or what was; null is both if the build had no work.
#}
{% macro publish_body(pipeline) %}
#variable_conflict use_column
declare
    frozen record;
    rows_published jsonb := '{}';
    rows_deleted bigint;
    rows_merged bigint;
    is_noted boolean;
    publication bigint;
begin
    if to_regclass('{{ relation_of(pipeline.worklist).include(database=false) }}') is null then
        return;
    end if;
    select build_id, based_on, is_full, count(*) as number, max(day) as newest into frozen
    from {{ relation_of(pipeline.worklist) }}
    group by build_id, based_on, is_full;
    if not found or exists (
        select from {{ source('ops', 'publications') }}
        where pipeline = '{{ pipeline.name }}' and build_id = frozen.build_id
    ) then
        return;
    end if;
    obstacle := {{ obstacle_to(pipeline) }};
    if obstacle is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('publish {{ pipeline.name }}', 0));
    if coalesce({{ newest_publication(pipeline.name) }}, 0) <> frozen.based_on then
        raise exception '{{ pipeline.name }} was published by another build meanwhile; run dbt build again';
    end if;
    -- reading the worklist also keeps another build from replacing it, and thus all that follows, before we are done
    if not exists (select from {{ relation_of(pipeline.worklist) }} where build_id = frozen.build_id) then
        raise exception '{{ pipeline.name }} is being built by another run; run dbt build again';
    end if;
    {% for mart in models_of(pipeline) if mart.config.materialized == 'published' %}
    {{ delete_vanished_rows(mart) }}
    get diagnostics rows_deleted = row_count;
    {{ merge_changes(mart) }}
    get diagnostics rows_merged = row_count;
    -- a first backfill multiplies a mart: the next build must not be planned with the statistics of an empty one
    if rows_merged > 0.2 * (select greatest(reltuples, 0) from pg_class where oid = '{{ relation_of(mart.name) }}'::regclass) then
        analyze {{ relation_of(mart.name) }};
    end if;
    rows_published := rows_published || jsonb_build_object('{{ mart.name }}', rows_deleted + rows_merged);
    {% endfor %}
    {%- if pipeline.dataset %}
    update {{ source('ops', 'day_ledger') }} as ledger
    set published_load_id = days.load_id, published_at = clock_timestamp()
    from {{ relation_of(pipeline.worklist) }} as days
    where ledger.dataset = '{{ pipeline.dataset }}' and ledger.day = days.day;

    {{ note_touched_customers(pipeline) }}
    {%- else %}
    {{ cross_off_touched_customers() }}
    {%- endif %}

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
    day_count := frozen.number;
    last_day := frozen.newest;
end
{% endmacro %}
