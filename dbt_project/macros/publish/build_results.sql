{#
    The results of a build's nodes, recorded per node and build, because a build can take several invocations: a retry or
    a selection, for example.
#}

{# Whether this invocation ran any node of the pipeline. #}
{% macro ran_here(pipeline, results) -%}
{%- set ids = nodes_of(pipeline) | map(attribute='unique_id') | list -%}
{{ return((results | map(attribute='node.unique_id') | select('in', ids) | list | length) > 0) }}
{%- endmacro %}

{# The id of the build in the pipeline's worklist, or none if there is no work or it is published. #}
{% macro build_of(pipeline) -%}
{%- set worklist = relation_of(pipeline.worklist) -%}
{#- query Postgres: dbt's cache has a table even if its session ended before the commit -#}
{%- set known = run_query("select to_regclass('" ~ worklist.include(database=false) ~ "')::text as name") -%}
{%- if known.rows[0]['name'] is none -%}{{ return(none) }}{%- endif -%}
{%- set found = run_query(
    'select distinct build_id from ' ~ worklist ~ ' where build_id not in (select build_id from '
    ~ source('ops', 'publications') ~ " where pipeline = '" ~ pipeline.name ~ "')"
) -%}
{{ return(found.rows[0]['build_id'] if found.rows | length > 0 else none) }}
{%- endmacro %}

{# Record the result of each node of the pipeline, and delete the results of its earlier builds. #}
{% macro record_results(pipeline, results) -%}
{%- set build_id = build_of(pipeline) -%}
{%- if build_id is none -%}{{ return(none) }}{%- endif -%}
{#- another build has replaced the worklist that this invocation froze: its results are obsolete -#}
{%- set froze_it_here = results | selectattr('node.name', 'equalto', pipeline.worklist)
    | selectattr('status', 'equalto', 'success') | list -%}
{%- if froze_it_here and build_id != invocation_id -%}{{ return(none) }}{%- endif -%}
{%- set ids = nodes_of(pipeline) | map(attribute='unique_id') | list -%}
{%- set rows = [] -%}
{%- for result in results if result.node.unique_id in ids -%}
    {%- set finished_at = (result.timing | map(attribute='completed_at') | select | list | last) or modules.datetime.datetime.utcnow() -%}
    {%- do rows.append(
        "('" ~ build_id ~ "', '" ~ result.node.unique_id ~ "', '" ~ result.status ~ "', timestamp '" ~ finished_at ~ "')"
    ) -%}
{%- endfor -%}
{%- call statement('record_results', auto_begin=true) -%}
delete from ops.build_results
where node = any({{ text_array(ids) }}) and build_id <> '{{ build_id }}';
insert into ops.build_results (build_id, node, status, finished_at)
values {{ rows | join(', ') }}
on conflict (build_id, node) do update set status = excluded.status, finished_at = excluded.finished_at;
{%- endcall -%}
{%- do adapter.commit() -%}
{%- endmacro %}
