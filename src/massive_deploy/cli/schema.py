"""`schema`: the JSON schema for editors."""

from __future__ import annotations

from massive_deploy.cli.common import echo_json


def schema() -> None:
    """Print the JSON schema of topology.yaml, roles included, for completion in editors."""
    from massive_deploy.roles import settings
    from massive_deploy.topology.schema import schema as json_schema

    echo_json(json_schema(settings()))
