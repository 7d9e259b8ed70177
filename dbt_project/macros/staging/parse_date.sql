{#
    The date of a field as the shop writes it (`date_format` in shop.toml), in the dataset's time zone; else null. Reads a row
    of ops.dataset_settings as `settings`. Most shops write ISO 8601, which comes first. ingestion/values/dates.py reads alike.
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
    The date of a Unix time, of which `per_second` make a second: what a date can hold, the years 1 to 9999. Fractions are cut
    first: a quotient may be rounded up.
#}
{% macro epoch_date(text, per_second) -%}
case
                        when {{ decimal_value(text) }} between -62135596800::numeric * {{ per_second }} and 253402214400::numeric * {{ per_second }}
                            then (to_timestamp(floor(floor({{ decimal_value(text) }}) / {{ per_second }})) at time zone settings.time_zone)::date
                    end
{%- endmacro %}

{# The date of a text that the shop's pattern makes an ISO date of, or a timestamp with an offset. #}
{% macro rewritten_date(text) -%}
{%- set value = trimmed(text) -%}
{%- set rewritten = "regexp_replace(" ~ value ~ ", settings.date_pattern, settings.date_rewritten)" -%}
case
                        when not {{ value }} ~ settings.date_pattern or not pg_input_is_valid({{ rewritten }}, 'timestamptz') then null
                        when settings.date_rewritten like '%:%' then ({{ rewritten }}::timestamptz at time zone settings.time_zone)::date
                        else {{ rewritten }}::date
                    end
{%- endmacro %}
