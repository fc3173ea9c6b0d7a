"""A move of one logical shard as SQL. Everything here is text made from values; nothing is run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """A shard (its schema) on its way from one cluster to another, by their numbers; `role` owns the schema."""

    shard: str
    source: int
    target: int
    role: str

    @property
    def back(self) -> Move:
        """The same in the other direction."""
        return Move(self.shard, self.target, self.source, self.role)

    @property
    def link(self) -> str:
        """Name of publication, subscription and slot; one for each direction."""
        return f"massive_{self.shard}_{self.source}_{self.target}"


def literal(text: str) -> str:
    """Quoted as a text."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Quoted as a name."""
    return '"' + name.replace('"', '""') + '"'


def unfit(move: Move) -> str:
    """Rows `kind|name` of what would not survive a move, such as tables whose rows cannot be told apart."""
    schema = literal(move.shard)
    return f"""
        SELECT 'no primary key', c.relname FROM pg_class c
         WHERE c.relnamespace = to_regnamespace({schema}) AND c.relkind IN ('r', 'p')
           AND c.relreplident IN ('d', 'n')
           AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
        UNION ALL
        SELECT 'not logged', c.relname FROM pg_class c
         WHERE c.relnamespace = to_regnamespace({schema}) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'u'
        UNION ALL
        SELECT 'foreign table', c.relname FROM pg_class c
         WHERE c.relnamespace = to_regnamespace({schema}) AND c.relkind = 'f'
        UNION ALL
        SELECT 'materialized view', c.relname FROM pg_class c
         WHERE c.relnamespace = to_regnamespace({schema}) AND c.relkind = 'm'
        UNION ALL
        SELECT 'points into another schema', c.conname FROM pg_constraint c JOIN pg_class r ON r.oid = c.confrelid
         WHERE c.connamespace = to_regnamespace({schema}) AND c.contype = 'f'
           AND r.relnamespace <> to_regnamespace({schema})
         ORDER BY 1, 2
    """


def tables(shard: str) -> str:
    """Names of a shard's tables, one a row."""
    schema = literal(shard)
    return f"SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace({schema}) AND relkind = 'r' ORDER BY 1"


def begin(move: Move, side: int) -> str:
    """Note at one side (its cluster's number) that a move is going on; the other side's number is the peer."""
    peer = move.target if side == move.source else move.source
    state = "here" if side == move.source else "incoming"
    return (
        f"INSERT INTO massive.shard (name, state, peer) VALUES ({literal(move.shard)}, '{state}', {peer}) "
        f"ON CONFLICT (name) DO UPDATE SET peer = excluded.peer, since = clock_timestamp();"
    )


def publish(move: Move) -> str:
    """At the source: everything of the shard, and its marks."""
    return f"""
        SELECT {
        literal(
            f"CREATE PUBLICATION {identifier(move.link)} FOR TABLES IN SCHEMA {identifier(move.shard)}, "
            f"TABLE massive.marker WHERE (shard = {literal(move.shard)})"
        )
    }
         WHERE NOT EXISTS (SELECT FROM pg_publication WHERE pubname = {literal(move.link)}) \\gexec
    """


def subscribe(move: Move, connection: str, *, copy: bool) -> str:
    """At the target: follow the source. What came from elsewhere is not sent on, so that nothing goes round."""
    flag = str(copy).lower()
    options = f"origin = none, synchronous_commit = local, copy_data = {flag}, enabled = {flag}"
    made = (
        f"CREATE SUBSCRIPTION {identifier(move.link)} CONNECTION {literal(connection)} "
        f"PUBLICATION {identifier(move.link)} WITH ({options})"
    )
    exists = f"SELECT FROM pg_subscription WHERE subname = {literal(move.link)}"
    return f"SELECT {literal(made)} WHERE NOT EXISTS ({exists}) \\gexec\n"


def copied(move: Move) -> str:
    """At the target: `tables that are not copied yet|tables|errors of the apply worker`."""
    return f"""
        SELECT count(*) FILTER (WHERE r.srsubstate <> 'r'), count(*),
               (SELECT coalesce(sum(apply_error_count + sync_error_count), 0) FROM pg_stat_subscription_stats
                 WHERE subname = {literal(move.link)})
          FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid WHERE s.subname = {literal(move.link)}
    """


def place(move: Move) -> str:
    """At the source: a row if the slot is there that keeps what the target has not got yet."""
    return f"SELECT slot_name FROM pg_replication_slots WHERE slot_name = {literal(move.link)}"


def mark(move: Move) -> str:
    """At the source: a mark behind everything that was committed before; gives its number."""
    return (
        f"INSERT INTO massive.marker (shard, origin, at) VALUES ({literal(move.shard)}, {move.source}, "
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint) "
        "ON CONFLICT (shard, origin) DO UPDATE SET at = greatest(excluded.at, massive.marker.at + 1) "
        "RETURNING 'at', at;"
    )


def reached(move: Move, at: int, seconds: int) -> str:
    """At the target: return when the mark has arrived, or fail."""
    arrived = (
        f"SELECT FROM massive.marker WHERE shard = {literal(move.shard)} AND origin = {move.source} AND at >= {at}"
    )
    return f"""
        DO $wait$
        DECLARE late timestamptz := clock_timestamp() + interval '{seconds} s';
        BEGIN
            WHILE NOT EXISTS ({arrived}) LOOP
                IF clock_timestamp() > late THEN
                    RAISE EXCEPTION 'the copy of {move.shard} is more than {seconds} s behind';
                END IF;
                PERFORM pg_sleep(0.002);
            END LOOP;
        END
        $wait$;
    """


def fence(move: Move, names: list[str], lock_ms: int = 200) -> str:
    """At the source, in one transaction: no row of the shard is written or read any more, and a mark behind the last.

    Prints `at|<mark>` and `seq|<statement>` for each sequence. Triggers do not fire for what replication brings.
    """
    schema = identifier(move.shard)
    listed = ", ".join(f"{schema}.{identifier(name)}" for name in names)
    lock = f"LOCK TABLE {listed} IN SHARE ROW EXCLUSIVE MODE;" if names else ""
    triggers = "\n".join(
        f"CREATE OR REPLACE TRIGGER massive_fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "
        f"{schema}.{identifier(name)} FOR EACH STATEMENT EXECUTE FUNCTION massive.fence();"
        for name in names
    )
    return f"""
        SET lock_timeout = '{lock_ms}ms';
        BEGIN;
        {lock}
        {triggers}
        REVOKE USAGE ON SCHEMA {schema} FROM {identifier(move.role)};
        UPDATE massive.shard SET state = 'fenced', since = clock_timestamp() WHERE name = {literal(move.shard)};
        {mark(move)}
        COMMIT;
        {sequences(move.shard)}
    """


def sequences(shard: str) -> str:
    """Rows `seq|statement` that set each sequence of the shard to where it is here."""
    return f"""
        SELECT 'seq', format('SELECT setval(%L, %s, %L);', quote_ident(schemaname) || '.' || quote_ident(sequencename),
                             coalesce(last_value, start_value), last_value IS NOT NULL)
          FROM pg_sequences WHERE schemaname = {literal(shard)};
    """


def unfence(move: Move, names: list[str]) -> str:
    """At a side: its rows are written and read here. To be run in one transaction."""
    schema = identifier(move.shard)
    triggers = "\n".join(f"DROP TRIGGER IF EXISTS massive_fence ON {schema}.{identifier(name)};" for name in names)
    return f"""
        SET client_min_messages = warning;
        {triggers}
        GRANT USAGE ON SCHEMA {schema} TO {identifier(move.role)};
        UPDATE massive.shard SET state = 'here', since = clock_timestamp() WHERE name = {literal(move.shard)};
    """


def opened(move: Move, names: list[str]) -> str:
    """At the target: the shard is here now. Fails when the move was called back meanwhile."""
    name = literal(move.shard)
    return f"""
        DO $open$
        BEGIN
            UPDATE massive.shard SET peer = peer WHERE name = {name} AND peer = {move.source};
            IF NOT FOUND THEN
                RAISE EXCEPTION 'the move of {move.shard} was called back';
            END IF;
        END
        $open$;
    """ + unfence(move, names)


def called_back(move: Move) -> str:
    """At the target: it cannot open any more. Gives a row, or none when it is open already."""
    name = literal(move.shard)
    return f"UPDATE massive.shard SET peer = NULL WHERE name = {name} AND state <> 'here' RETURNING name;"


def left(move: Move) -> str:
    """At the source: what is here is a copy."""
    name = literal(move.shard)
    return f"UPDATE massive.shard SET state = 'gone', since = clock_timestamp() WHERE name = {name};"


def unsubscribe(move: Move, *, reachable: bool = True) -> str:
    """At the target: follow no more. Where the source cannot be asked, its slot is left to be dropped there."""
    name = identifier(move.link)
    detach = "" if reachable else f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE);"
    steps = [f"ALTER SUBSCRIPTION {name} DISABLE;", detach, f"DROP SUBSCRIPTION {name};"]
    exists = f"EXISTS (SELECT FROM pg_subscription WHERE subname = {literal(move.link)})"
    return "\n".join(f"SELECT {literal(step)} WHERE {exists} \\gexec" for step in steps if step) + "\n"


def unpublish(move: Move) -> str:
    """At the source: publish no more, and drop a slot that nobody uses."""
    return f"""
        DROP PUBLICATION IF EXISTS {identifier(move.link)};
        SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
         WHERE slot_name = {literal(move.link)} AND NOT active;
    """


def forget(move: Move) -> str:
    """At a side that has no claim: the shard's copy and everything that is known of it."""
    return f"""
        DROP SCHEMA IF EXISTS {identifier(move.shard)} CASCADE;
        DELETE FROM massive.marker WHERE shard = {literal(move.shard)};
        DELETE FROM massive.shard WHERE name = {literal(move.shard)};
    """


def settle(move: Move) -> str:
    """At the side that has the shard: no move is going on any more."""
    return f"UPDATE massive.shard SET peer = NULL, since = clock_timestamp() WHERE name = {literal(move.shard)};"
