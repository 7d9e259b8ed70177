-- One row per day of this build of ecommerce_order_pipeline. Frozen first; all other models of the build read it.
{{ worklist('orders', 'ecommerce_order_pipeline') }}
