"""Fixtures that several test files use, and signals that reach the processes that tests start."""

import signal

from exact import exact

__all__ = ["exact"]

# Under nohup, or in the background of a script, a process is begun with these ignored, and so are its children.
# Tests that send them to children need them as a terminal has them.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
