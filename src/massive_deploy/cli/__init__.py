"""The command line: one file per command, each imported only when it runs."""

from __future__ import annotations

import sys

from massive_deploy.cli.interrupts import catch_interruptions
from massive_deploy.errors import Exit, MassiveDeployError


def main() -> None:
    """Entry point of `massive-deploy`."""
    from massive_deploy.cli.app import app

    catch_interruptions()
    try:
        app(standalone_mode=True)
    except MassiveDeployError as error:
        from massive_deploy.console import show_error

        show_error(error)
        sys.exit(error.code)
    except Exception as error:  # noqa: BLE001 - the last resort: a report instead of a wall of text
        from massive_deploy.console import crash_report

        sys.stderr.write(f"unexpected: {type(error).__name__}: {error}\nplease report it with {crash_report()}\n")
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was applied stays, run the same command again to go on\n")
        sys.exit(Exit.INTERRUPTED)
