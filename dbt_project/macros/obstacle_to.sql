{# The first reason why the build must not be published, or none: every node green, no model older than its parents, and
   what the build counted as published is published. #}
{% macro obstacle_to(pipeline, build) -%}
{%- set fared = {} -%}
{%- for row in run_query(
    "select node, status, finished_at from ops.build_results where build_id = '" ~ build.build_id ~ "'"
).rows -%}
    {%- do fared.update({row['node']: row}) -%}
{%- endfor -%}
{%- set nodes = nodes_of(pipeline) -%}
{%- for node in nodes -%}
    {%- if node.unique_id not in fared -%}{{ return(node.name ~ ' has not run in this build') }}{%- endif -%}
    {%- if fared[node.unique_id]['status'] not in ('success', 'pass', 'warn') -%}
        {{ return(node.name ~ ' is ' ~ fared[node.unique_id]['status']) }}
    {%- endif -%}
{%- endfor -%}
{%- for node in nodes -%}
    {%- for parent in node.depends_on.nodes if parent in fared -%}
        {%- if fared[parent]['finished_at'] > fared[node.unique_id]['finished_at'] -%}
            {{ return(node.name ~ ' is older than ' ~ parent.split('.')[-1]) }}
        {%- endif -%}
    {%- endfor -%}
{%- endfor -%}
{%- for upstream, build_column in pipeline.counts_on.items() -%}
    {%- set unpublished = run_query(
        'select 1 from ' ~ relation_of(pipeline.worklist) ~ ' as days where days.' ~ build_column ~ ' is not null'
        ~ ' and not exists (select from ' ~ source('ops', 'publications') ~ " as publications where pipeline = '"
        ~ upstream ~ "' and publications.build_id = days." ~ build_column ~ ')'
    ) -%}
    {%- if unpublished.rows | length > 0 -%}{{ return(upstream ~ ' is not published') }}{%- endif -%}
{%- endfor -%}
{{ return(none) }}
{%- endmacro %}
