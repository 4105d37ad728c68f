"""The verbs of batches: enrolling, those around one request, those around questions, decisions.

No script of another subject is called here, and nothing of dramatiq or of the gateway's dialects.
"""
