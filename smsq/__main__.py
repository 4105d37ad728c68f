"""`python -m smsq` is the command `smsq`."""

from smsq.producers.cli import main

if __name__ == "__main__":
    main(prog_name="smsq")
