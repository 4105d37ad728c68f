"""Running a whole machine: its processes, the demo, the sandbox.

Never a command: those are in `cli/`.
"""
