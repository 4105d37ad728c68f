"""Dramatiq as we use it: the broker over Redis, its bells, the hints that travel through it, our middleware."""
