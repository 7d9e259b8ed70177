{#
    The date of a field in the shop's format (`date_format` in shop.toml) and the dataset's time zone, else null. Needs a row
    of ops.dataset_settings as `settings`. ISO 8601, the most common, comes first. Keep it in step with
    ingestion/values/dates.py.
#}
{% macro parse_date(text, likely_date) -%}
case settings.date_format
                when 'iso' then {{ date_value(text, 'settings.time_zone', likely_date) }}
                when 'epoch_seconds' then {{ epoch_date(text, 1) }}
                when 'epoch_milliseconds' then {{ epoch_date(text, 1000) }}
                else {{ rewritten_date(text) }}
            end
{%- endmacro %}

{#
    The date of a Unix time with `per_second` units per second, for the years 1 to 9999. Fractions are cut first, because
    the division could round up.
#}
{% macro epoch_date(text, per_second) -%}
case
                        when {{ decimal_value(text) }} between -62135596800::numeric * {{ per_second }} and 253402214400::numeric * {{ per_second }}
                            then (to_timestamp(floor(floor({{ decimal_value(text) }}) / {{ per_second }})) at time zone settings.time_zone)::date
                    end
{%- endmacro %}

{# The date of a text that the shop's pattern rewrites to an ISO date or a timestamp with an offset. #}
{% macro rewritten_date(text) -%}
{%- set value = trimmed(text) -%}
{%- set rewritten = "regexp_replace(" ~ value ~ ", settings.date_pattern, settings.date_rewritten)" -%}
case
                        when not {{ value }} ~ settings.date_pattern or not pg_input_is_valid({{ rewritten }}, 'timestamptz') then null
                        when settings.date_rewritten like '%:%' then ({{ rewritten }}::timestamptz at time zone settings.time_zone)::date
                        else {{ rewritten }}::date
                    end
{%- endmacro %}
