"""`python -m producers.cli` is `smsq`."""

from producers.cli import main

main(prog_name="smsq")
