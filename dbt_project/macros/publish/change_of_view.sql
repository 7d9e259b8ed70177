{# The statement that gives an existing view this definition, or none if it has it already. #}
{% macro change_of_view(view, sql) -%}
{%- set candidate = api.Relation.create(
    database=view.database, schema=target.schema, identifier=view.identifier ~ '__candidate', type='view'
) -%}
{%- do run_query('drop view if exists ' ~ candidate ~ '; create view ' ~ candidate ~ ' as (' ~ sql ~ ')') -%}
{%- set before, after = types_of_columns(view), types_of_columns(candidate) -%}
{%- set lost = before.keys() | reject('in', after) | list -%}
{%- for name in before if name in after and before[name] != after[name] -%}{%- do lost.append(name) -%}{%- endfor -%}
{%- set names = before.keys() | list + after.keys() | reject('in', before) | list -%}
{%- set definition = namespace(sql=sql) -%}
{%- if not lost and names != after.keys() | list -%}
    {%- set definition.sql = 'select ' ~ names | join(', ') ~ ' from (' ~ sql ~ ') as model' -%}
    {%- do run_query('drop view ' ~ candidate ~ '; create view ' ~ candidate ~ ' as (' ~ definition.sql ~ ')') -%}
{%- endif -%}
{%- set is_same = run_query(
    "select pg_get_viewdef('" ~ candidate ~ "'::regclass) = pg_get_viewdef('" ~ view ~ "'::regclass) as is_same"
).rows[0]['is_same'] -%}
{%- do run_query('drop view ' ~ candidate) -%}
{%- if lost -%}
    {%- do require_no_foreign_readers(view, lost) -%}
    {{ return(recreate_view(view, sql)) }}
{%- endif -%}
{{ return(none if is_same else 'create or replace view ' ~ view ~ ' as (' ~ definition.sql ~ ')') }}
{%- endmacro %}

{# The columns of a view with their types and collations, in order. #}
{% macro types_of_columns(view) -%}
{%- set types = {} -%}
{%- for row in run_query(
    "select attname, format_type(atttypid, atttypmod) || ' ' || attcollation as type from pg_attribute "
    ~ "where attrelid = '" ~ view ~ "'::regclass and attnum > 0 and not attisdropped order by attnum"
).rows -%}
    {%- do types.update({row['attname']: row['type']}) -%}
{%- endfor -%}
{{ return(types) }}
{%- endmacro %}

{# Fail if something that is no published view of this project reads the view. #}
{% macro require_no_foreign_readers(view, lost) -%}
{%- set ours = nodes_of_type('model') | selectattr('config.materialized', 'equalto', 'published_view') | list -%}
{%- set names = [] -%}
{%- for node in ours -%}{%- do names.append(node.schema ~ '.' ~ node.alias) -%}{%- endfor -%}
{%- set commands = [] -%}
{%- for row in run_query("select kind, name from ops.dependents('" ~ view ~ "'::regclass) order by name").rows
    if row['name'] not in names -%}
    {%- do commands.append('drop ' ~ row['kind'] ~ ' ' ~ row['name'] ~ ';') -%}
{%- endfor -%}
{%- if commands -%}
    {{ exceptions.raise_compiler_error(
        view.identifier ~ ' loses or changes ' ~ lost | join(', ') ~ ', and others read it. Run: ' ~ commands | join(' ')
        ~ ' Build again, then create them again'
    ) }}
{%- endif -%}
{%- endmacro %}
