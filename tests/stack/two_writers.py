"""Writes to the database of its own host over the local socket, and notes what was acknowledged.

Standard input of `python3 - RUN NODE FILE`. Each line of FILE: when the answer came (seconds), timeline, number.
"""

import sys
import time

try:
    import psycopg2 as driver
except ImportError:
    import psycopg as driver

run, node, path = sys.argv[1:]
connection = None
number = 0
notices = []
with open(path, "w") as log:  # noqa: PTH123
    while True:
        number += 1
        begun = time.time()
        notices.clear()
        try:
            if connection is None:
                connection = driver.connect("dbname=postgres host=/var/run/postgresql connect_timeout=2")
                connection.autocommit = True
                if hasattr(connection, "add_notice_handler"):
                    connection.add_notice_handler(notices.append)
                else:
                    connection.notices = notices
            with connection.cursor() as cursor:
                insert = "INSERT INTO two_writers VALUES (%s, %s, %s) RETURNING pg_walfile_name(pg_current_wal_lsn())"
                cursor.execute(insert, (run, node, number))
                wal = cursor.fetchone()[0]
            # A wait for a replica that was given up is a success to the client, and a warning.
            if not notices:
                log.write(f"{time.time()} {int(wal[:8], 16)} {number}\n")
                log.flush()
        except driver.Error:
            if connection is not None:
                connection.close()
            connection = None
        time.sleep(max(0.005, begun + 0.05 - time.time()))
