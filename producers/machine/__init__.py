"""Running a whole machine: its processes, the demo, the sandbox.

Commands are in `cli/`, not here.
"""
