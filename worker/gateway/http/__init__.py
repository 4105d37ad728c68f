"""The gateway's HTTP interface: what the client writes and reads, and what a server reads and writes.

`client_…` and `server/` are the two ends of one wire and never import each other. The client's half is used by
transports and questions, the server's by the sandbox and the front door.
"""

# Chapters of the HTTP manual (PROTOCOL A.2, B, C, D, E).
SEND_PATH = "/sys/send.php"
STATUS_PATH = "/sys/status.php"
BALANCE_PATH = "/sys/balance.php"
HISTORY_PATH = "/sys/get.php"
REST_PATH = "/rest/send/"
JOBS_PATH = "/sys/jobs.php"
INFO_PATH = "/sys/info.php"
