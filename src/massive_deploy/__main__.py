"""`python -m massive_deploy`."""

from massive_deploy.cli import main

main()
