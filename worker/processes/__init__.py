"""The processes: lanes, supervisor, watchdog, exporter, and the private Redis servers.

No decision about a message is made here, and no lower folder imports this one.
"""
