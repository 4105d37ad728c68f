"""For tests of applications: a pytest plugin and the installation behind it."""
