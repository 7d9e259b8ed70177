{#
    A view that readers see. It is replaced in place, and only if its definition changed: grants and dependent views survive,
    and no reader blocks the build.
#}
{% materialization published_view, adapter='postgres' %}
    {%- if is_dev() -%}{{ return(materialization_view_default()) }}{%- endif -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set candidate = api.Relation.create(
        database=this.database, schema=target.schema, identifier=this.identifier ~ '__candidate', type='view'
    ) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- do get_assert_columns_equivalent(sql) -%}

    {% set is_unchanged = namespace(value=false) %}
    {% if existing is not none %}
        {% do run_query('create or replace view ' ~ candidate ~ ' as (' ~ sql ~ ')') %}
        {% set same = "select pg_get_viewdef('" ~ candidate ~ "'::regclass) = pg_get_viewdef('" ~ view ~ "'::regclass)" %}
        {% set is_unchanged.value = run_query(same).columns[0].values()[0] %}
        {% do run_query('drop view ' ~ candidate) %}
    {% endif %}

    {% call statement('main') %}
        {{ wait_briefly_for_locks() }}
        {% if is_unchanged.value %}select 1{% else %}create or replace view {{ view }} as ({{ sql }}){% endif %}
    {% endcall %}

    {% if not is_unchanged.value %}{% do persist_docs(view, model) %}{% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}
