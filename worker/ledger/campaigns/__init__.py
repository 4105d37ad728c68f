"""The verbs of campaigns, and what is kept of them."""
