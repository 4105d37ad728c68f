"""One leader, several duties, one file each."""
