{#
    Schemas are named as they are: `marts`, not `build_marts`. On an engine each build has one of its own, and in the
    target `dev` they have its prefix: `dev_marts`.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
{%- if target.type == 'spark' -%}
    {{- target.schema -}}
{%- elif is_dev() -%}
    {{- target.schema }}_{{ (custom_schema_name or 'build') | trim -}}
{%- else -%}
    {{- (custom_schema_name or target.schema) | trim -}}
{%- endif -%}
{%- endmacro %}

{#
    Whether this is the target `dev`: a warehouse of a developer's own beside the readers', in schemas of its own. It is built
    from what is published, all at once as in a full refresh; its marts are plain tables and views, and nothing is published.
#}
{% macro is_dev() -%}
{{ return(target.name == 'dev') }}
{%- endmacro %}
