"""Always the shipped roles, for a project's own role that wraps one of them."""

from massive_deploy.paths import shipped

__path__ = [str(shipped("roles"))]
