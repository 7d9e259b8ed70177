{#
    Sets the transformer's role before each model, seed and publish, so that it owns all relations, and the next run can
    replace them whatever the login. Without roles in the warehouse (warehouse/roles.sql) it does nothing. A step's
    connection has the role already; engines have no roles. In the target `dev` the developer owns the relations.
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
