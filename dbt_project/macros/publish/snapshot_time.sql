{#
    The time of a snapshot: the newest published day of the pipeline in its meta, instead of the current time. A snapshot
    without a pipeline uses dbt's default.
#}
{% macro postgres__snapshot_get_time() -%}
{%- set pipeline = model.config.meta.pipeline -%}
{%- if pipeline -%}{{ as_of_date(pipeline) }}{%- else -%}{{ dbt.postgres__snapshot_get_time() }}{%- endif -%}
{%- endmacro %}
