"""For tests of applications: a pytest plugin and the installation behind it.

Never imported by anything but tests, and nothing of ours is imported before a test asks for it.
"""
