"""Every bad topology is refused, all its problems at once, each at its line and column with words that help."""

from __future__ import annotations

from pathlib import Path

import pytest

from massive_deploy.errors import Exit, InvalidInput

from .fakes import loaded

BAD = Path(__file__).parent / "bad"

# file: ("line:column", part of the message) for each problem, in the order of the file
EXPECTED = {
    "address_twice": [("5:18", "192.0.2.1 is the address of 'one' already")],
    "alias_bomb": [("1:34", "grows too large when its aliases are followed")],
    "alias_cycle": [("2:6", "an alias that holds itself")],
    "bad_address": [("3:18", "must be an IPv4 address"), ("4:18", "must be an IPv4 address")],
    "bad_subnet": [("3:18", "must be a /24 network")],
    "capital_name": [("1:7", 'not "No"')],
    "control_character": [("1:9", "a control character")],
    "deep": [("1:56", "is nested too deeply")],
    "docker_with_hosts": [("3:1", "the docker target makes its own machines")],
    "duplicate_key": [("3:1", "duplicate key 'replicas' (it stands in line 2 already")],
    "empty": [("1:1", "is empty")],
    "fraction": [("3:11", "must be a whole number, not 1.5")],
    "half_character": [("3:15", "half of a character")],
    "host_twice": [("4:3", "duplicate key 'one'")],
    "hostile_hosts": [
        ("3:3", 'not "db1; rm -rf /"'),
        ("4:3", 'not "db 2"'),
        ("5:3", 'not "db3\\nroot"'),
        ("6:3", 'not "../db4"'),
        ("7:35", "hosts.db5.user: must be a user name"),
        ("8:35", "hosts.db6.user: must be a user name"),
    ],
    "hostile_texts": [
        ("4:11", "does not begin with a dash"),
        ("5:8", "must be a git branch, tag or commit"),
        ("6:17", "without '..'"),
        ("7:17", "without '..' and without a slash at the start"),
        ("8:13", "must be a dotted Python name"),
        ("9:11", "must be a URL path"),
        ("10:14", "must be a Debian package name"),
        ("11:9", "does not begin with a dash"),
        ("12:13", "must be a domain name"),
        ("13:17", "must be an environment variable's name"),
        ("13:33", "without control characters"),
    ],
    "huge_number": [("3:11", "must be at most 15")],
    "lag_zero": [("4:12", "failover.max_lag: must be at least 1, not 0")],
    "latin1": [("2:18", "is not UTF-8 text")],
    "list": [("1:1", "holds no mapping at the top")],
    "list_as_key": [("4:3", "a key must be plain text")],
    "memory_in_words": [("3:18", "write a size such as 512MiB or 2GiB")],
    "negative": [("3:11", "must be at least 0, not -1")],
    "no_app": [("1:1", "missing key 'app' (add `app:` - The Django project.)")],
    "no_machines_address": [
        ("4:18", "0.0.0.0 is no machine's address"),
        ("5:18", "127.0.0.1 cannot be reached from the other hosts"),
    ],
    "no_settings": [("3:1", "app.settings: missing key 'settings'")],
    "no_source": [("3:15", "no folder './nowhere'")],
    "null_section": [("3:1", "failover: has no value")],
    "number_for_name": [("1:7", "must be text, not 12 (put it in quotes)")],
    "pooler_without_role": [("3:9", "there is no role 'pgpool'")],
    "port_too_high": [("5:11", "hosts.db1.port: must be at most 65535, not 70000")],
    "python_tag": [("3:11", "the tag '!!python/object/apply:os.system' is not allowed")],
    "quoted_number": [("3:11", 'must be a whole number, not "1" (remove the quotes)')],
    "reserved_database": [("1:7", "'postgres', which PostgreSQL keeps for itself")],
    "reserved_prefix": [("1:7", "'pg_shop', which PostgreSQL keeps for itself")],
    "role_settings": [
        ("5:5", "unknown key 'pool_sise' (did you mean 'pool_size'?)"),
        ("6:11", "must be 'transaction' or 'session', not \"sesion\" (did you mean 'session'?)"),
    ],
    "several": [
        ("1:1", "missing key 'app'"),
        ("2:11", 'must be a whole number, not "two"'),
        ("3:8", "no stack 'masive' (did you mean 'massive'?)"),
        ("4:9", "unknown key 'max_lagg' (did you mean 'max_lag'?)"),
    ],
    "sexagesimal_port": [("3:35", 'must be a whole number, not "22:22"')],
    "small_with_counts": [
        ("4:11", "replicas: stack 'small' has 1 database host(s)"),
        ("5:14", "app_servers: stack 'small' has 1 app host(s) (group 'all'), this asks for 3 (use `stack: massive`)"),
    ],
    "source_of_nobody": [("3:15", "no folder '~nobody-here/shop'")],
    "source_too_long": [("3:15", "no folder 'xxx")],
    "ssh_without_hosts": [("1:1", "the ssh target needs machines")],
    "stack_is_a_path": [("2:8", "no stack '../../etc'"), ("2:8", "must be lower-case letters")],
    "strict_without_replica": [("5:16", "strict replication needs a replica")],
    "tab": [("3:1", "a tab where YAML wants spaces (indent with spaces)")],
    "text_for_number": [("3:11", 'must be a whole number, not "two"')],
    "text_for_section": [("3:6", "app: must be a mapping")],
    "too_few_hosts": [("2:1", "2 machines are too few (this stack needs 1 edge, 2 app, 2 db, 1 cache, 1 monitor")],
    "too_many_machines": [("2:9", "do not fit a /24 network")],
    "two_documents": [("2:1", "a second document begins here")],
    "unclosed_quote": [("1:7", "a quote is never closed")],
    "unknown_group": [("4:36", "has no host group 'al' (did you mean 'all'?)")],
    "unknown_key": [("3:1", "unknown key 'replica' (did you mean 'replicas'?)")],
    "unknown_nested_key": [("4:3", "unknown key 'synchronus' (did you mean 'synchronous'?)")],
    "unknown_role": [("4:3", "unknown key 'pgbouncr' (did you mean 'pgbouncer'?)")],
    "unknown_stack": [("2:8", "no stack 'masive' (did you mean 'massive'?)")],
    "wrong_choice": [("3:19", "not \"fats\" (did you mean 'fast'?)")],
    "yes_is_text": [("3:11", 'must be a whole number, not "yes"')],
}


def test_table_is_complete() -> None:
    assert {path.stem for path in BAD.glob("*.yaml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_refused(name: str) -> None:
    path = BAD / f"{name}.yaml"
    with pytest.raises(InvalidInput) as refusal:
        loaded(path)
    assert refusal.value.code == Exit.INVALID
    lines = [str(problem) for problem in refusal.value.problems]
    assert len(lines) == len(EXPECTED[name]), lines
    for line, (position, words) in zip(lines, EXPECTED[name], strict=True):
        assert line.startswith(f"{path}:{position}: "), line
        assert words in line
        assert "\n" not in line
