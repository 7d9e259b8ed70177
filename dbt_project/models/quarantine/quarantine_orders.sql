-- One row per rejected order record in each day's newest load, as sent, with the reasons. No identical copies.
{{ config(alias='orders') }}
{{ rejected_rows('orders', 'stg_shop__orders') }}
