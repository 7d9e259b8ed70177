{#
    SQL for the first reason that blocks publishing the build in `frozen`, or null: a node is not green, a model is older
    than its parent, or a build that it counts on is not published. Part of publish_body().
#}
{% macro publish_blocker(pipeline) -%}
(
        with nodes (number, node, name, parents) as (
            values
            {%- for node in nodes_of(pipeline) %}
            ({{ loop.index }}, '{{ node.unique_id }}', '{{ node.name }}', {{ text_array(node.depends_on.nodes) }}){{ ',' if not loop.last }}
            {%- endfor %}
        ),

        fared as (
            select nodes.*, results.status, results.finished_at
            from nodes
            left join ops.build_results as results
                on results.build_id = frozen.build_id and results.node = nodes.node
        )

        select
            coalesce(
                (
                    select fared.name || coalesce(' is ' || fared.status, ' has not run in this build')
                    from fared
                    where coalesce(fared.status, '') not in ('success', 'pass', 'warn')
                    order by fared.number
                    limit 1
                ),
                (
                    select fared.name || ' is older than ' || split_part(parents.node, '.', -1)
                    from fared
                    inner join ops.build_results as parents
                        on parents.build_id = frozen.build_id and parents.node = any(fared.parents)
                    where parents.finished_at > fared.finished_at
                    order by fared.number
                    limit 1
                )
                {%- for upstream, build_column in pipeline.counts_on.items() %},
                (
                    select '{{ upstream }} is not published'
                    from {{ relation_of(pipeline.worklist) }} as days
                    where
                        days.{{ build_column }} is not null
                        and not exists (
                            select from {{ source('ops', 'publications') }} as publications
                            where
                                publications.pipeline = '{{ upstream }}'
                                and publications.build_id = days.{{ build_column }}
                        )
                    limit 1
                )
                {%- endfor %}
            )
    )
{%- endmacro %}
