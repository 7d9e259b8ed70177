-- One row per rejected order item of each day's newest load, as it came, with the reasons. No identical copies.
{{ config(alias='orders') }}
{{ rejected_rows('orders', 'stg_shop__orders') }}
