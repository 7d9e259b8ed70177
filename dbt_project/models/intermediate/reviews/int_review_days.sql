-- One row per day of this build of customer_feedback_pipeline. Frozen first; all other models of the build read it.
{{ worklist('reviews', 'customer_feedback_pipeline', needs_scores=true) }}
