"""The verbs of batches: enrol, what an actor does around one request, what is asked afterwards."""
