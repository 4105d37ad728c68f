"""For tests of applications: a pytest plugin and its installation.

Only tests import it, and it imports nothing of ours before a test needs it.
"""
