"""`python -m smsq` is `smsq`."""

from smsq.producers.cli import main

main(prog_name="smsq")
