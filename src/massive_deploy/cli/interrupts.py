"""Where an interruption arrives: in the main line of the program, whatever a signal finds at work."""

from __future__ import annotations

import signal
import sys


def catch_interruptions() -> None:
    """Make SIGINT (unless it is ignored) and SIGTERM raise KeyboardInterrupt in the main line of the program."""
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def interrupt(*_: object) -> None:
    """The signal handler.

    Python calls it in the greenlet that happens to run, for instance one that talks to a host. Raised there,
    KeyboardInterrupt would end that conversation in its middle, and gevent would print where.
    """
    hub = sys.modules["gevent"].get_hub() if hasattr(sys.modules.get("gevent"), "get_hub") else None
    if hub is None or hub.parent.gr_frame is None:  # only a greenlet that is suspended has a frame of its own
        raise KeyboardInterrupt
    hub.handle_system_error(KeyboardInterrupt, KeyboardInterrupt())
