-- One row per rejected review item of each day's current load, as it came, with the reasons. Identical copies are left out.
{{ config(alias='reviews') }}
{{ rejected_rows('reviews', 'stg_shop__reviews') }}
