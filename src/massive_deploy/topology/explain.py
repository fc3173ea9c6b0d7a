"""What one field means: its description, type, default and range, by its dotted path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from massive_deploy.errors import MassiveDeployError

from .describe import default_of, field_type, range_of, talk_of
from .fields import combined, did_you_mean, holds_keys, model_in
from .model import Strict


@dataclass(frozen=True, slots=True)
class Explanation:
    """One field in words; empty texts where there is nothing to say. `fields` are the keys below it, described."""

    path: str
    description: str
    type: str
    default: str
    range: str
    talk: str
    fields: Mapping[str, str]


def explain(path: str, roles: Mapping[str, type[Strict]] | None = None) -> Explanation:
    """The field at a path such as `failover.max_lag` or `roles.pgbouncer.pool_mode`; "" is the whole file.

    Raises:
        MassiveDeployError: no such field; the hint names one that is alike.
    """
    model: type[BaseModel] | None = combined(roles)
    info = FieldInfo(annotation=model, description="One inventory: what to run, how many of each, and where.")
    free, above = False, ""
    for part in [word for word in path.split(".") if word]:
        if free:
            free = False
        elif model is None or part not in model.model_fields:
            inside = f"in '{above}'" if above else "in the topology"
            raise MassiveDeployError(
                f"no field '{part}' {inside}", did_you_mean(part, model.model_fields if model else ())
            )
        else:
            info = model.model_fields[part]
            model, free = model_in(info.annotation), holds_keys(info.annotation)
        above = f"{above}.{part}" if above else part
    return Explanation(
        path=above,
        description=info.description or "",
        type=field_type(info),
        default=default_of(info) if above else "",
        range=range_of(info),
        talk=talk_of(info),
        fields=_below(model),
    )


def _below(model: type[BaseModel] | None) -> dict[str, str]:
    if model is None:
        return {}
    return {name: field.description or "" for name, field in model.model_fields.items()}
