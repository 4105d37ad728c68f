"""The gateway's SMPP interface: PDUs, texts and receipts, as the client writes them and as a server reads them.

`client_…` and `server_…` are the two ends of one wire and never import each other.
"""
