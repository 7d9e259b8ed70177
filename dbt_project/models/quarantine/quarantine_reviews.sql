-- One row per rejected review item of each day's newest load, as it came, with the reasons. No identical copies.
{{ config(alias='reviews') }}
{{ rejected_rows('reviews', 'stg_shop__reviews') }}
