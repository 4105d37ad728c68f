"""The verbs of batches: enrolling, those around one request, those around questions, decisions.

They never call a script of another subject, and use nothing of dramatiq or of the gateway's dialects.
"""
