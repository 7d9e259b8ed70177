-- One row per day that this build of ecommerce_order_pipeline publishes: frozen first, read by all that follows.
{{ worklist('orders', 'ecommerce_order_pipeline') }}
