"""What runs a whole machine: `smsq up`, the demo, the sandbox beside them."""
