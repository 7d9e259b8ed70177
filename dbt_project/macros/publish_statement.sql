{# One block, so one transaction: it sees the marts that the build was based on, or raises and changes nothing. #}
{% macro publish_statement(pipeline, build) %}
do $publish$
declare
    rows_published jsonb := '{}';
    rows_deleted bigint;
    rows_merged bigint;
    is_noted boolean;
    publication bigint;
begin
    {{ wait_briefly_for_locks() }}
    perform pg_advisory_xact_lock(hashtextextended('publish {{ pipeline.name }}', 0));
    if coalesce({{ newest_publication(pipeline.name) }}, 0) <> {{ build.based_on }} then
        raise exception '{{ pipeline.name }} was published by another build meanwhile; run dbt build again';
    end if;
    -- reading the worklist also keeps another build from replacing it, and thus all that follows, before we are done
    if not exists (select from {{ relation_of(pipeline.worklist) }} where build_id = '{{ build.build_id }}') then
        raise exception '{{ pipeline.name }} is being built by another run; run dbt build again';
    end if;
    {% for mart in models_of(pipeline) if mart.config.materialized == 'published' %}
    {{ delete_vanished_rows(mart, build) }}
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

    {{ note_touched_customers(pipeline, build) }}
    {%- else %}
    {{ cross_off_touched_customers() }}
    {%- endif %}

    insert into {{ source('ops', 'publications') }} (pipeline, build_id, as_of_date, day_count, rows_published)
    values (
        '{{ pipeline.name }}',
        '{{ build.build_id }}',
        {% if pipeline.dataset -%}
        (select max(day) from {{ source('ops', 'day_ledger') }}
        where dataset = '{{ pipeline.dataset }}' and published_load_id is not null),
        {%- else -%}
        date '{{ build.last_day }}',
        {%- endif %}
        {{ build.day_count }},
        rows_published
    )
    returning publication_id into publication;
    {%- if pipeline.dataset %}

    insert into {{ source('ops', 'publication_days') }} (publication_id, dataset, day, load_id)
    select publication, '{{ pipeline.dataset }}', day, load_id from {{ relation_of(pipeline.worklist) }};
    {%- endif %}
end
$publish$
{% endmacro %}
