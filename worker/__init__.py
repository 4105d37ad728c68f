"""The workers: they send messages and find out what became of them.

The files in this folder are used everywhere, or build everything once; all else is in a sub-folder. Nothing here
imports `producers`.
"""
