"""The roles' checks, run against live hosts: pytest and testinfra over multiplexed SSH."""

from massive_deploy.verify.results import Outcome, Result
from massive_deploy.verify.run import run_checks

__all__ = ["Outcome", "Result", "run_checks"]
