"""Models of customers: how often they buy again, what they spend, fitted on all of them at once."""
