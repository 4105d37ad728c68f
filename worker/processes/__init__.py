"""The processes: lanes, supervisor, watchdog, exporter, and the private Redis servers.

They never decide about a message, and no lower folder imports this one.
"""
