{#
    The transformer's role, for whatever makes or changes a relation: all of them belong to it, whoever runs dbt, and the
    next run may replace them. Runs before each model and seed and before what is published; changes nothing where the
    warehouse has no roles (warehouse/roles.sql). A step's connection has the role already; an engine knows none. In the target `dev`, what
    is made is the developer's own.
#}
{% macro take_role() -%}
{%- if target.type == 'postgres' and not is_dev() -%}
select set_config('role', rolname, false)
from pg_roles
where
    rolname = 'daybreak_transformer'
    and pg_has_role(session_user, oid, 'set')
    and has_schema_privilege(oid, to_regnamespace('build'), 'create')
{%- endif -%}
{%- endmacro %}
