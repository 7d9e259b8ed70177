{# Parsing of raw's text in staging. Each macro is one rule for all datasets. #}

{# Text without leading and trailing white space by Unicode's definition, independent of the database's locale. #}
{% macro trimmed(text) -%}
btrim({{ text }}, {{ white_space() }})
{%- endmacro %}

{% macro white_space() -%}
e' \t\n\x0B\f\r\u001C\u001D\u001E\u001F\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000'
{%- endmacro %}

{# True for a missing field: absent, null, or only white space. The first branch is the fast path: most text begins with a
   printable ASCII character. #}
{% macro is_missing(text) -%}
case when {{ text }} collate "C" between '!' and '~' then false else coalesce({{ trimmed(text) }} = '', true) end
{%- endmacro %}

{# The value of a plain decimal literal, else null. Postgres also accepts `1_000`, `0x1F`, `NaN` and `Infinity`. The first
   branch is the fast path for ordinary amounts. Longer literals and exponents would cost seconds per thousand. #}
{% macro decimal_value(text) -%}
case
    when {{ text }} ~ '^[0-9]+([.][0-9]+)?$' and octet_length({{ text }}) < 100 then {{ text }}::numeric
    when
        {{ trimmed(text) }} ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?0*[0-9]{1,3})?$'
        and octet_length({{ trimmed(text) }}) < 400
        and pg_input_is_valid({{ trimmed(text) }}, 'numeric')
        then {{ trimmed(text) }}::numeric
end
{%- endmacro %}

{#
    The date of an ISO date or timestamp, else null. A timestamp with an offset is converted to `time_zone`; one without is
    in that zone already. Fractions of a second are cut before the cast, which would round 23:59:59.9999999 up to the next
    day. Fast paths: a date, or a timestamp without an offset, equal to `likely_date` (the date of most rows) is not parsed,
    and a timestamp of whole seconds with an offset is cast directly.
#}
{% macro date_value(text, time_zone, likely_date) -%}
{%- set value = trimmed(text) -%}
{%- set day = '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' -%}
{%- set clock = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?' -%}
{%- set whole_seconds = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]' -%}
{%- set offset = ' ?([zZ]|[+-][0-9][0-9](:?[0-9][0-9])?)' -%}
case
    when {{ text }} = {{ likely_date }}::text then {{ likely_date }}
    when left({{ text }}, 10) = {{ likely_date }}::text and substr({{ text }}, 11) ~ '^[T ]{{ whole_seconds }}$' then {{ likely_date }}
    when {{ text }} ~ '^{{ day }}[T ]{{ whole_seconds }}(Z|[+-][0-9][0-9]:[0-9][0-9])$'
        then
            case
                when pg_input_is_valid({{ text }}, 'timestamptz')
                    then ({{ text }}::timestamptz at time zone {{ time_zone }})::date
            end
    when not pg_input_is_valid(left({{ value }}, 10), 'date') then null
    when {{ value }} ~ '^{{ day }}([tT ]{{ clock }})?$' then left({{ value }}, 10)::date
    when
        {{ value }} ~ '^{{ day }}[tT ]{{ clock }}{{ offset }}$'
        and pg_input_is_valid(regexp_replace({{ value }}, '[.,][0-9]+', ''), 'timestamptz')
        then (regexp_replace({{ value }}, '[.,][0-9]+', '')::timestamptz at time zone {{ time_zone }})::date
end
{%- endmacro %}

{# True for a record that is not a JSON object: it has no fields, so all of it is in _extra. #}
{% macro is_no_object(extra) -%}
coalesce(left({{ extra }}, 1) <> '{', false)
{%- endmacro %}
