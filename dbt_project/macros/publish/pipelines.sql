{#
    The pipelines in publish order.
    worklist   the model with the days of a build
    dataset    the dataset whose days the publish marks in the ledger
    customers  the model with the customers whose health may change
    counts_on  pipelines whose changes of the same build count as published, with the worklist's column of their build id
    The tag of a node names its pipeline (dbt_project.yml).
#}
{% macro pipelines() -%}
{{ return([
    {
        'name': 'ecommerce_order_pipeline',
        'worklist': 'int_order_days',
        'dataset': 'orders',
        'customers': 'int_order_customers_affected',
        'counts_on': {},
    },
    {
        'name': 'customer_feedback_pipeline',
        'worklist': 'int_review_days',
        'dataset': 'reviews',
        'customers': 'int_review_customers_affected',
        'counts_on': {},
    },
    {
        'name': 'customer_health_pipeline',
        'worklist': 'int_health_days',
        'dataset': none,
        'customers': none,
        'counts_on': {
            'ecommerce_order_pipeline': 'orders_build_id',
            'customer_feedback_pipeline': 'reviews_build_id',
        },
    },
]) }}
{%- endmacro %}

{# The nodes of a type, as of the graph. dbt converts each node when it is read, which takes longer than to find it. #}
{% macro nodes_of_type(resource_type) -%}
{%- set nodes = [] -%}
{%- for id in graph.nodes if id.startswith(resource_type ~ '.') -%}{%- do nodes.append(graph.nodes[id]) -%}{%- endfor -%}
{{ return(nodes) }}
{%- endmacro %}

{# The models of a pipeline, as nodes of the graph. #}
{% macro models_of(pipeline) -%}
{%- set models = [] -%}
{%- for node in nodes_of_type('model') if pipeline.name in node.tags -%}
    {%- do models.append(node) -%}
{%- endfor -%}
{{ return(models) }}
{%- endmacro %}

{# The models of a pipeline and the data tests on them. #}
{% macro nodes_of(pipeline) -%}
{%- set nodes = models_of(pipeline) -%}
{%- set ids = nodes | map(attribute='unique_id') | list -%}
{%- for test in nodes_of_type('test') if test.config.enabled -%}
    {%- if test.depends_on.nodes | select('in', ids) | list -%}{%- do nodes.append(test) -%}{%- endif -%}
{%- endfor -%}
{{ return(nodes) }}
{%- endmacro %}

{# The relation of a model of this project. #}
{% macro relation_of(model_name) -%}
{%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ model_name] -%}
{{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) }}
{%- endmacro %}
