{#
    Publishing merges the changes of a green build into every mart of the pipeline, and updates the ledger, in one
    transaction. It runs at the end of every `dbt build`, `run`, `test` and `retry`. With `--vars '{publish: false}'`, run
    `dbt run-operation publish --args '{names: [ecommerce_order_pipeline]}'` instead. A pipeline that is not green is not
    published, and the log gives the reason.
#}
{% macro publish_green_pipelines(results) %}
    {%- if execute and results and target.type == 'postgres' and not is_dev() -%}
        {%- do run_query(take_role()) -%}
        {%- set ran = [] -%}
        {%- for pipeline in pipelines() -%}
            {%- if ran_here(pipeline, results) -%}
                {%- do ran.append(pipeline.name) -%}
                {%- do record_results(pipeline, results) -%}
            {%- endif -%}
            {#- a retry that fixes one pipeline also unblocks the pipeline that counts on it -#}
            {%- if var('publish', true) and ([pipeline.name] + pipeline.counts_on.keys() | list) | select('in', ran) | list -%}
                {%- do publish_if_green(pipeline) -%}
            {%- elif pipeline.name in ran -%}
                {%- do define_publish(pipeline) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{# Publish these pipelines. Fails with the reason if one is not green. #}
{% macro publish(names) %}
    {%- if is_dev() -%}{{ exceptions.raise_compiler_error('the target dev publishes nothing') }}{%- endif -%}
    {%- do run_query(take_role()) -%}
    {%- for pipeline in pipelines() if pipeline.name in names -%}
        {%- set blocker = publish_if_green(pipeline) -%}
        {%- if blocker -%}{{ exceptions.raise_compiler_error(pipeline.name ~ ' is not published: ' ~ blocker) }}{%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# Publish a pipeline if its build has work and is green. Returns the blocker, or none if published or without work. #}
{% macro publish_if_green(pipeline) %}
    {%- do define_publish(pipeline) -%}
    {%- call statement('publish', fetch_result=true, auto_begin=true) -%}
{{ wait_briefly_for_locks() }}
select blocker, day_count, last_day from {{ publish_function_of(pipeline) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {%- set published = load_result('publish').table.rows[0] -%}
    {%- if published['blocker'] -%}
        {%- do log('publish: ' ~ pipeline.name ~ ' is not published: ' ~ published['blocker'], info=true) -%}
        {{ return(published['blocker']) }}
    {%- elif published['day_count'] -%}
        {%- do log(
            'publish: ' ~ pipeline.name ~ ' published ' ~ published['day_count'] | int ~ ' day(s) up to ' ~ published['last_day'],
            info=true
        ) -%}
    {%- endif -%}
{% endmacro %}
