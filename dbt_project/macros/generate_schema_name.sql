{#
    Schemas have no prefix: `marts`, not `build_marts`. An engine has one schema per build, and the target `dev` adds its
    prefix: `dev_marts`.
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
    Whether this is the target `dev`: a developer's copy in separate schemas. It is built from the published days, all at
    once as in a full refresh. Its marts are plain tables and views, and nothing is published.
#}
{% macro is_dev() -%}
{{ return(target.name == 'dev') }}
{%- endmacro %}
