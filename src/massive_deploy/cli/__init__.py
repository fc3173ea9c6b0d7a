"""The command line: one file per command, each imported only when it runs."""

from __future__ import annotations

import sys

from massive_deploy.errors import Exit, MassiveDeployError


def main() -> None:
    """Entry point of `massive-deploy`."""
    from massive_deploy.cli.app import app

    try:
        app(standalone_mode=True)
    except MassiveDeployError as error:
        from massive_deploy.console import show_error

        show_error(error)
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; what was applied stays, run the same command again to go on\n")
        sys.exit(Exit.INTERRUPTED)
