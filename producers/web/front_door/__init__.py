"""The front door: the gateway's own HTTP interface, for software that uses the gateway's libraries.

Such software changes a host name and gains queue, lanes, deduplication and metrics. A server of its own reads requests
as bytes, since web frameworks refuse what the libraries send before any route sees it (decision 037). Here are the
server and what each page does; how a form is read and an answer is written is in `worker/gateway/http/server/`.
"""
