-- One row per rejected review record in each day's newest load, as sent, with the reasons. No identical copies.
{{ config(alias='reviews') }}
{{ rejected_rows('reviews', 'stg_shop__reviews') }}
