"""The gateway's mail dialect: letters as a client writes them and as a server reads them; never a socket or a clock."""
