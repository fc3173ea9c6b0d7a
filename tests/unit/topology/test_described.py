"""Schema, reference and `explain` come from the models, and every field says what it means."""

from __future__ import annotations

import pytest

from massive_deploy.errors import MassiveDeployError
from massive_deploy.topology.explain import explain
from massive_deploy.topology.fields import combined, walk
from massive_deploy.topology.placement import Placement
from massive_deploy.topology.reference import reference
from massive_deploy.topology.schema import schema
from massive_deploy.topology.stacks import Stack

from .fakes import SETTINGS


def test_every_field_is_described() -> None:
    fields = [named for model in (combined(SETTINGS), Stack, Placement) for named in walk(model)]
    silent = [named.path for named in fields if not (named.info.description or "").strip()]
    assert [path for path in silent if not path.startswith("roles.")] == []


def test_the_reference_names_every_field() -> None:
    text = reference(SETTINGS)
    for named in walk(combined(SETTINGS)):
        assert f"| `{named.path.rpartition('.')[2]}` |" in text
    assert "## `hosts.<name>`" in text
    assert '| `mode` | one of transaction, session | `"transaction"` |' in text


def test_the_schema_refuses_unknown_keys_but_allows_anchors() -> None:
    found = schema(SETTINGS)
    assert found["$schema"].endswith("2020-12/schema")
    assert found["additionalProperties"] is False
    assert "^x-" in found["patternProperties"]
    assert set(found["required"]) == {"name", "app"}
    assert set(found["$defs"]["Roles"]["properties"]) == set(SETTINGS)
    assert found["$defs"]["Pool"]["properties"]["pool_size"]["description"]


@pytest.mark.parametrize(
    ("path", "kind", "default", "limits"),
    [
        ("replicas", "whole number", "1", "at least 0; at most 15"),
        ("failover.max_lag", "size in bytes, such as 16MiB", "1048576", "at least 1"),
        ("failover.speed", "one of fast, normal, safe", '"normal"', ""),
        ("hosts.db1.port", "whole number", "22", "at least 1; at most 65535"),
        ("app.settings", "text", "required", "a dotted Python name such as shop.settings"),
        ("roles.pgbouncer.mode", "one of transaction, session", '"transaction"', ""),
        ("docker.memory", "size in MiB, such as 512 or 2GiB", "1024", "at least 256"),
    ],
)
def test_explained(path: str, kind: str, default: str, limits: str) -> None:
    found = explain(path, SETTINGS)
    assert (found.path, found.type, found.default, found.range) == (path, kind, default, limits)
    assert found.description


def test_a_field_that_comes_from_the_talk_says_so() -> None:
    assert explain("shards", SETTINGS).talk == "“Huge sites eventually need to shard.”"
    assert explain("target", SETTINGS).talk == ""
    assert "The talk: “Huge sites eventually need to shard.” |" in reference(SETTINGS)


def test_a_section_lists_its_fields() -> None:
    assert set(explain("cache", SETTINGS).fields) == {"memcached", "redis"}
    assert "replicas" in explain("", SETTINGS).fields


@pytest.mark.parametrize(
    ("path", "hint"),
    [("replica", "replicas"), ("failover.maxlag", "max_lag"), ("roles.pgbouncr", "pgbouncer")],
)
def test_a_wrong_path_gets_a_hint(path: str, hint: str) -> None:
    with pytest.raises(MassiveDeployError) as refusal:
        explain(path, SETTINGS)
    assert refusal.value.fix == f"did you mean '{hint}'?"


def test_nothing_is_below_a_plain_value() -> None:
    with pytest.raises(MassiveDeployError, match="no field 'x' in 'replicas'"):
        explain("replicas.x", SETTINGS)
