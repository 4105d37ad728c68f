"""For tests of applications: a pytest plugin and its installation.

Only tests import it. It never imports anything of ours before a test needs it.
"""
