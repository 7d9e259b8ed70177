{#
    Publishing: the changes that a green build made ready are merged into every mart of the pipeline, in one transaction,
    and the ledger with them. Runs at the end of every `dbt build`, `run`, `test` and `retry`; `--vars
    '{publish: false}'` leaves it to `dbt run-operation publish --args '{names: [ecommerce_order_pipeline]}'`.
    A pipeline that is not green is left as it is, and the log says why.
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
            {#- a retry that heals one pipeline also frees the one that waited for its publish -#}
            {%- if var('publish', true) and ([pipeline.name] + pipeline.counts_on.keys() | list) | select('in', ran) | list -%}
                {%- do publish_if_green(pipeline) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{# Publish these pipelines, or fail naming what is not green. #}
{% macro publish(names) %}
    {%- if is_dev() -%}{{ exceptions.raise_compiler_error('the target dev publishes nothing') }}{%- endif -%}
    {%- do run_query(take_role()) -%}
    {%- for pipeline in pipelines() if pipeline.name in names -%}
        {%- set obstacle = publish_if_green(pipeline) -%}
        {%- if obstacle -%}{{ exceptions.raise_compiler_error(pipeline.name ~ ' is not published: ' ~ obstacle) }}{%- endif -%}
    {%- endfor -%}
{% endmacro %}

{# Publish a pipeline whose build has work and is green. Returns why not, or none if it was published or had no work. #}
{% macro publish_if_green(pipeline) %}
    {%- set build = build_of(pipeline) -%}
    {%- if build is none -%}{{ return(none) }}{%- endif -%}
    {%- set obstacle = obstacle_to(pipeline, build) -%}
    {%- if obstacle -%}
        {%- do log('publish: ' ~ pipeline.name ~ ' stays as it was: ' ~ obstacle, info=true) -%}
        {{ return(obstacle) }}
    {%- endif -%}
    {%- call statement('publish', auto_begin=true) -%}{{ publish_statement(pipeline, build) }}{%- endcall -%}
    {%- do adapter.commit() -%}
    {%- do log('publish: ' ~ pipeline.name ~ ' published ' ~ build.day_count ~ ' day(s) up to ' ~ build.last_day, info=true) -%}
{% endmacro %}
