"""The verbs of batches: enrol, what an actor does around one request, what is asked afterwards.

Never a script of another subject, nor anything of dramatiq or of the gateway's dialects.
"""
