{#
    A view that readers see. It is replaced in place, and only if its definition changed: grants and dependent views survive,
    and no reader blocks the build.

    Postgres replaces a view only if its columns stay and new ones follow, so readers see new columns last, wherever the
    model has them. If a column is removed or changes its type, the view is created again with its grants. Views of this
    project that read the former view keep it until they are built too. Any other view that reads it is an error, which
    `daybreak diff` reports beforehand.
#}
{% materialization published_view, adapter='postgres' %}
    {%- if is_dev() -%}{{ return(materialization_view_default()) }}{%- endif -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- do get_assert_columns_equivalent(sql) -%}

    {% set statement_of_change = 'create view ' ~ view ~ ' as (' ~ sql ~ ')' if existing is none else change_of_view(view, sql) %}
    {% call statement('main') %}
        {{ wait_briefly_for_locks() }}
        {{ statement_of_change or 'select 1' }}
    {% endcall %}

    {% if statement_of_change %}
        {% do run_query(drop_unread_former_views(view)) %}
        {% do persist_docs(view, model) %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}
