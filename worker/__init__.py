"""Sends, and finds out what became of it.

The files beside this one are the ground floor and what builds everything once; all else lies in a room. Never imports
`producers`.
"""
