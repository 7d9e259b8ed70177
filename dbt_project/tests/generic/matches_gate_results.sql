{#
    Returns each day with another number of accepted rows than the gate accepted: rows were lost or duplicated after the
    gate, or the settings changed. A load that the gate has not judged fails too, and rows of a day that was taken out.
    `worklist`: the relation with the days and loads of this build; `day_column`: the model's column with the day.
#}
{% test matches_gate_results(model, worklist, day_column) %}
with

days as (
    select * from {{ worklist }}
    where load_id is not null
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
