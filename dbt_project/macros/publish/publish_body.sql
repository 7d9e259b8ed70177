{#
    The body of the publish function: one call, one transaction. It raises if the marts changed after the build began.
    Result: the blocker, or the number of days and the last day; all null if the build has no work.
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
    blocker := {{ publish_blocker(pipeline) }};
    if blocker is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('publish {{ pipeline.name }}', 0));
    if coalesce({{ newest_publication(pipeline.name) }}, 0) <> frozen.based_on then
        raise exception '{{ pipeline.name }} was published by another build meanwhile; run dbt build again';
    end if;
    -- reading the worklist locks it: another build cannot replace it, or the tables after it, before this one commits
    if not exists (select from {{ relation_of(pipeline.worklist) }} where build_id = frozen.build_id) then
        raise exception '{{ pipeline.name }} is being built by another run; run dbt build again';
    end if;
    {% for mart in models_of(pipeline) if mart.config.materialized == 'published' %}
    {{ delete_vanished_rows(mart) }}
    get diagnostics rows_deleted = row_count;
    {{ merge_changes(mart) }}
    get diagnostics rows_merged = row_count;
    -- a first backfill multiplies a mart: do not plan the next build with the statistics of an empty table
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

    {{ note_affected_customers(pipeline) }}
    {%- else %}
    {{ cross_off_affected_customers() }}
    {%- endif %}

    {{ record_publication(pipeline) }}
    day_count := frozen.number;
    last_day := frozen.newest;
end
{% endmacro %}
