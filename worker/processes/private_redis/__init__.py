"""The private servers of `smsq up`: found or started, and seen from outside."""
