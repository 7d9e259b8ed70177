-- One row per rejected order item of each day's current load, as it came, with the reasons. Identical copies are left out.
{{ config(alias='orders') }}
{{ rejected_rows('orders', 'stg_shop__orders') }}
