-- One row per rejected review record of each day's newest load, as sent, with reasons. Without identical copies.
{{ config(alias='reviews') }}
{{ rejected_rows('reviews', 'stg_shop__reviews') }}
