"""The topology's JSON schema, for editors that complete and check as one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fields import combined, model_in, walk
from .model import Strict


def schema(roles: Mapping[str, type[Strict]]) -> dict[str, Any]:
    """JSON schema (draft 2020-12) of topology.yaml with the settings of these roles."""
    root = combined(roles)
    inside = [model_in(named.info.annotation) for named in walk(root)]
    for model in (*reversed(inside), root):  # whatever was built before it was described is built again
        if model is not None:
            model.model_rebuild(force=True)
    result = root.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **result,
        "title": "massive-deploy topology",
        "patternProperties": {"^x-": {"description": "Ignored: a place for YAML anchors."}},
    }
