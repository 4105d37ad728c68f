"""The gateway's mail dialect: letters, as the client writes them and as a server reads them. No socket and no clock."""
