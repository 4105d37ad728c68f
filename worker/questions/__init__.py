"""What is asked of the gateway, and by whose permit: statuses, history, price and balance. Nothing here sends."""
