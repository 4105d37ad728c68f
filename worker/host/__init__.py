"""What one machine remembers and knows of itself: its journals, its part in the roll call, its health."""
