-- One row per rejected order record of each day's newest load, as sent, with reasons. Without identical copies.
{{ config(alias='orders') }}
{{ rejected_rows('orders', 'stg_shop__orders') }}
