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
    "all_in_one_group": [("2:1", "machines are missing in app (2), db (2), cache (1), monitor (1)")],
    "bad_address": [("3:18", "must be an IPv4 address"), ("4:18", "must be an IPv4 address")],
    "bad_subnet": [("3:18", "must be a /24 network")],
    "byte_order_mark": [("3:1", "unknown key 'replica' (did you mean 'replicas'?)")],
    "capital_name": [("1:7", 'not "No"')],
    "control_character": [("1:9", "a control character")],
    "deep": [("1:56", "is nested too deeply")],
    "docker_with_hosts": [("3:1", "the docker target makes its own machines")],
    "duplicate_key": [("3:1", "duplicate key 'replicas' (it stands in line 2 already")],
    "empty": [("1:1", "is empty")],
    "empty_user": [("3:35", "hosts.db1.user: must be a user name")],
    "fraction": [("3:11", "must be a whole number, not 1.5")],
    "half_character": [("3:15", "half of a character")],
    "host_localhost": [("4:3", "'localhost' is every host's name for itself")],
    "host_no": [("4:3", "choose another name, such as host-no")],
    "host_number": [("4:3", "choose another name, such as host-1e3")],
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
    "hosts_as_list": [("3:3", "(write one `name: {address: …}` a line below it, without dashes)")],
    "huge_number": [("3:11", "must be at most 15")],
    "infinite": [("3:11", "must be a whole number, not Infinity")],
    "ipv4_and_ipv6": [("4:18", 'must be an IPv4 address such as 192.0.2.10, not "2001:db8::1"')],
    "key_on": [("3:1", "unknown key 'on' (known here: alert,")],
    "lag_zero": [("4:12", "failover.max_lag: must be at least 1, not 0")],
    "latin1": [("2:18", "is not UTF-8 text")],
    "list": [("1:1", "holds no mapping at the top")],
    "list_as_key": [("4:3", "a key must be plain text")],
    "logical_shards": [
        ("3:9", "set `pooler: pgbouncer`"),
        ("3:9", "there is no role 'pgpool'"),
        ("5:21", "2 logical shards do not fill 3 clusters"),
        ("5:65", "with 2 logical shards has 1 bounds"),
        ("5:81", "orders: spread over the shards or common to all of them, not both"),
        ("6:81", "set `runtime: true`"),
        ("6:97", "set `overlay: true`"),
    ],
    "logical_shards_unsorted": [("3:65", "bounds must rise")],
    "long_number": [("3:11", "must be a whole number, not")],
    "lookalike_host": [("4:3", "character 3 is ZERO WIDTH SPACE, U+200B")],
    "lookalike_key": [
        ("3:1", "character 7 is CYRILLIC SMALL LETTER A, U+0430: type it anew; did you mean 'replicas'?")
    ],
    "lookalike_name": [("1:7", "character 2 is CYRILLIC SMALL LETTER IE, U+0435: type it anew")],
    "memory_in_words": [("3:18", "write a size such as 512MiB or 2GiB")],
    "name_no": [("1:7", "choose another name, such as my-no")],
    "negative": [("3:11", "must be at least 0, not -1")],
    "no_app": [("1:1", "missing key 'app' (add `app:` - The Django project.)")],
    "no_app_server": [("3:14", "app_servers: must be at least 1, not 0 (see: massive-deploy explain app_servers)")],
    "no_leader": [("3:9", "shards: must be at least 1, not 0 (write how many")],
    "no_machines_address": [
        ("4:18", "0.0.0.0 is no machine's address"),
        ("5:18", "127.0.0.1 cannot be reached from the other hosts"),
    ],
    "no_settings": [("3:1", "app.settings: missing key 'settings'")],
    "no_source": [("3:15", "no folder './nowhere'")],
    "not_a_number": [("3:11", 'must be a whole number, not ".nan"')],
    "nul_byte": [("1:11", "a control character (remove it)")],
    "null_section": [("3:1", "failover: has no value")],
    "number_for_name": [("1:7", "must be text, not 12 (put it in quotes)")],
    "path_as_host": [("3:3", "this key must be a host name: lower-case letters, digits and dashes")],
    "plain_secrets": [
        ("3:16", "x-old.token: a secret in plain text"),
        ("4:1", "unknown key 'password' (passwords are made by the stack and kept encrypted"),
        ("6:11", "app.source: a URL with a password in it (use an SSH URL"),
        ("9:5", "SECRET_KEY: a secret in plain text (remove it: the stack makes one"),
        ("10:5", "a secret in plain text (list the name under `app: secret_environment: [DB_PASSWORD_2]` instead"),
        ("11:13", "a URL with a password in it (list the name under `app: secret_environment: [MAILER]` instead"),
        ("14:10", "a secret in plain text (list the name under `app: secret_environment: [PEM]` instead"),
        ("15:24", "must be an environment variable's name"),
        ("16:9", "app.pip[0]: a URL with a password in it"),
    ],
    "pooler_without_role": [("3:9", "there is no role 'pgpool'")],
    "port_taken": [("4:11", "unknown key 'port' (ports are fixed")],
    "port_too_high": [("5:11", "hosts.db1.port: must be at most 65535, not 70000")],
    "python_tag": [("3:11", "the tag '!!python/object/apply:os.system' is not allowed")],
    "quorum_of_two": [("4:10", "unknown key 'members' (etcd's members are chosen: three hosts")],
    "quoted_number": [("3:11", 'must be a whole number, not "1" (remove the quotes)')],
    "redis_of_itself": [("4:11", "unknown key 'replica_of' (PostgreSQL's replicas are counted")],
    "replica_beside_leader": [("4:11", "stack 'small' has 1 database host(s) (group 'all'), this asks for 2")],
    "reserved_database": [("1:7", "'postgres', which PostgreSQL keeps for itself")],
    "reserved_prefix": [("1:7", "'pg_shop', which PostgreSQL keeps for itself")],
    "role_settings": [
        ("5:5", "unknown key 'pool_sise' (did you mean 'pool_size'?)"),
        ("6:11", "must be 'transaction' or 'session', not \"sesion\" (did you mean 'session'?)"),
    ],
    "secret_twice": [("7:33", "STRIPE is under `environment` already (keep it in one of the two)")],
    "several": [
        ("1:1", "missing key 'app'"),
        ("2:11", 'must be a whole number, not "two"'),
        ("3:8", "no stack 'masive' (did you mean 'massive'?)"),
        ("4:9", "unknown key 'max_lagg' (did you mean 'max_lag'?)"),
    ],
    "sexagesimal_port": [("3:35", 'must be a whole number, not "22:22"')],
    "shard_is_keyword": [("4:3", "shards: must be a whole number")],
    "shard_ranges": [("4:3", "(write how many: `shards: 2`; they are numbered")],
    "shards_by_name": [("3:9", "(write how many: `shards: 2`; they are numbered")],
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
    "tab_after_space": [("6:2", "a tab where YAML wants spaces (indent with spaces)")],
    "text_for_number": [("3:11", 'must be a whole number, not "two"')],
    "text_for_section": [("3:6", "app: must be a mapping")],
    "too_few_hosts": [("2:1", "2 machines are too few (this stack needs 1 edge, 2 app, 2 db, 1 cache, 1 monitor")],
    "too_many_machines": [("2:9", "do not fit a /24 network")],
    "two_documents": [("2:1", "a second document begins here")],
    "two_leaders": [
        ("3:29", "hosts.db1.role: unknown key 'role' (leaders and replicas are chosen while running"),
        ("4:29", "hosts.db2.role: unknown key 'role' (leaders and replicas are chosen while running"),
    ],
    "two_poolers": [("3:9", "must be 'pgbouncer' or 'pgpool', not")],
    "two_redis": [("3:16", "cache.redis: must be at most 1, not 2")],
    "unclosed_quote": [("1:7", "a quote is never closed")],
    "undeclared_host": [("4:3", "unknown key 'leader' (leaders and replicas are chosen while running")],
    "unknown_group": [("4:36", "has no host group 'al' (did you mean 'all'?)")],
    "unknown_key": [("3:1", "unknown key 'replica' (did you mean 'replicas'?)")],
    "unknown_nested_key": [("4:3", "unknown key 'synchronus' (did you mean 'synchronous'?)")],
    "unknown_role": [("4:3", "unknown key 'pgbouncr' (did you mean 'pgbouncer'?)")],
    "unknown_stack": [("2:8", "no stack 'masive' (did you mean 'massive'?)")],
    "utf16": [("1:1", "is not UTF-8 text (save the file as UTF-8)")],
    "version_of_postgres": [("4:16", "unknown key 'version' (versions are those of Debian trixie")],
    "wide_digits": [("3:11", 'must be a whole number, not "２"')],
    "windows_lines": [("3:1", "unknown key 'replica' (did you mean 'replicas'?)")],
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
    assert all(problem.fix for problem in refusal.value.problems), lines
    for line, (position, words) in zip(lines, EXPECTED[name], strict=True):
        assert line.startswith(f"{path}:{position}: "), line
        assert words in line
        assert "\n" not in line
