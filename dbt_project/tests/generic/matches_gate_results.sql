{#
    Fails with each day whose accepted rows are not as many as the gate accepted of its load: rows were lost or invented
    after the gate, or are judged by other settings now. A load that the gate has not judged fails too.
    `worklist` is the relation with the days and loads of this build, `day_column` the column of the model that says on
    which day a row is accepted.
#}
{% test matches_gate_results(model, worklist, day_column) %}
with

days as (
    select * from {{ worklist }}
),

gate_results as (
    select * from {{ source('ops', 'gate_results') }}
),

built as (
    select
        {{ day_column }} as day,
        count(*) as accepted
    from {{ model }}
    group by {{ day_column }}
),

judged as (
    select
        days.day,
        gate_results.accepted
    from days
    left join gate_results on days.load_id = gate_results.load_id
),

compared as (
    select
        coalesce(judged.day, built.day) as day,
        judged.accepted as accepted_by_gate,
        coalesce(built.accepted, 0) as accepted_here
    from judged
    full outer join built on judged.day = built.day
)

select * from compared
where accepted_here is distinct from accepted_by_gate
{% endtest %}
