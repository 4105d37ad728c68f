"""The front door: the gateway's own HTTP interface, for software that uses the gateway's libraries.

Such software changes a host name and gains queue, lanes, deduplication and metrics. A server of its own reads requests
as bytes, since web frameworks refuse what the libraries send before any route sees it (decision 037). Here are the
server and what each page does; never how a form is read or an answer written: that is `worker/gateway/http/server/`.
"""
