"""How the gateway speaks: both halves of every dialect as pure functions and tables, no sockets, no clock."""
