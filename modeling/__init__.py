"""Customer models, fitted on all customers at once: repeat buying and spending."""
