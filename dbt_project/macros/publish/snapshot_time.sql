{#
    The present of a snapshot: the newest published day of the pipeline that its meta names, not the clock's, for new rows
    and for those that have ended. A snapshot without it has dbt's own.
#}
{% macro postgres__snapshot_get_time() -%}
{%- set pipeline = model.config.meta.pipeline -%}
{%- if pipeline -%}{{ as_of_date(pipeline) }}{%- else -%}{{ dbt.postgres__snapshot_get_time() }}{%- endif -%}
{%- endmacro %}
