"""The processes around the work: who runs, who watches, who is told, and the private Redis under them.

Never a decision about a message; no room below imports this one.
"""
