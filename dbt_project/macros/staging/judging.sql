{# How staging reads the exact text of raw. Each macro is one rule, written once for all datasets. #}

{# Text without white space at its ends: what Unicode calls white space, whatever the database's locale says. #}
{% macro trimmed(text) -%}
btrim({{ text }}, e' \t\n\x0B\f\r\u001C\u001D\u001E\u001F\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000')
{%- endmacro %}

{# True where a field says nothing: absent, null, or only white space. The first branch is the fast one: most text
   begins with a printable ASCII character. #}
{% macro is_missing(text) -%}
case when {{ text }} collate "C" between '!' and '~' then false else coalesce({{ trimmed(text) }} = '', true) end
{%- endmacro %}

{# The value of a plain decimal literal, else null. Postgres alone would also take `1_000`, `0x1F`, `NaN` and `Infinity`.
   The first branch is the fast one: the usual amount. #}
{% macro decimal_value(text) -%}
case
    when {{ text }} ~ '^[0-9]+([.][0-9]+)?$' and octet_length({{ text }}) < 100 then {{ text }}::numeric
    when
        {{ trimmed(text) }} ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$'
        and pg_input_is_valid({{ trimmed(text) }}, 'numeric')
        then {{ trimmed(text) }}::numeric
end
{%- endmacro %}

{#
    The date of an ISO date or timestamp, else null. A timestamp with an offset is moved to `time_zone`; one without is
    in it already. Fractions of a second are cut before the cast, which would round 23:59:59.9999999 into the next day.
    `likely_date` is the date that most rows have: as a date, or as a timestamp without an offset, they are not parsed at all.
    A timestamp of whole seconds with an offset is parsed as it stands.
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

{# True for a record that is not a JSON object: nothing of it could be a field, so all of it stands in _extra. #}
{% macro is_no_object(extra) -%}
coalesce(left({{ extra }}, 1) <> '{', false)
{%- endmacro %}
