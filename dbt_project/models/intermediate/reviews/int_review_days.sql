-- One row per day that this build of customer_feedback_pipeline publishes: frozen first, read by all that follows.
{{ worklist('reviews', 'customer_feedback_pipeline', needs_scores=true) }}
