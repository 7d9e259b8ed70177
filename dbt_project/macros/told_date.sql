{#
    The date of a field as the shop writes it (`date_format` in shop.toml), in the dataset's time zone; else null. Reads a row
    of ops.dataset_settings as `settings`. Most shops write ISO 8601, which comes first.
#}
{% macro told_date(text, usual) -%}
case settings.date_format
                when 'iso' then {{ date_value(text, 'settings.time_zone', usual) }}
                when 'epoch_seconds' then {{ epoch_date(text, 1) }}
                when 'epoch_milliseconds' then {{ epoch_date(text, 1000) }}
                when 'rfc_2822' then {{ rfc_2822_date(text) }}
            end
{%- endmacro %}

{# The date of a Unix time, of which `per_second` make a second: what a date can hold, the years 1 to 9999. #}
{% macro epoch_date(text, per_second) -%}
case
                        when {{ decimal_value(text) }} / {{ per_second }} between -62135596800 and 253402214400
                            then (to_timestamp(floor({{ decimal_value(text) }} / {{ per_second }})) at time zone settings.time_zone)::date
                    end
{%- endmacro %}

{# The date of `Sun, 01 Mar 2026 10:00:00 +0000`; the name of the weekday may be missing. #}
{% macro rfc_2822_date(text) -%}
{%- set value = trimmed(text) -%}
case
                        when
                            {{ value }} ~ '^([A-Z][a-z][a-z], )?[0-9][0-9]? [A-Z][a-z][a-z] [0-9][0-9][0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] ([+-][0-9][0-9][0-9][0-9]|GMT|UTC)$'
                            and pg_input_is_valid({{ value }}, 'timestamptz')
                            then ({{ value }}::timestamptz at time zone settings.time_zone)::date
                    end
{%- endmacro %}
