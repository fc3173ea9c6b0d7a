"""The topology's JSON schema, for editors that complete and check as one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fields import combined
from .model import Strict


def schema(roles: Mapping[str, type[Strict]]) -> dict[str, Any]:
    """JSON schema (draft 2020-12) of topology.yaml with the settings of these roles."""
    result = combined(roles).model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **result,
        "title": "massive-deploy topology",
        "patternProperties": {"^x-": {"description": "Ignored: a place for YAML anchors."}},
    }
