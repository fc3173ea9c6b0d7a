# What must be equal on a host after a run that was killed and made up for, and after one that was not.
# Prints `== SECTION` and lines. Left out, because they differ between any two runs: process ids, start and
# modification times, host keys and machine id, WAL positions, bytecode (it holds modification times), and numbers of
# system users (dpkg gives them in the order in which it configures), the salt of the superuser's password (Patroni's),
# a cluster's timeline and the recovery settings of a node that was once promoted (a leader that starts again may be).
export LC_ALL=C
section() { printf '== %s\n' "$1"; }
marks() { find "$@" -printf '%p %m %u:%g %y %l\n' 2>/dev/null | sort; }
cd /

section files
sort -u /var/lib/massive-deploy/managed/* | grep ^/ | while read -r path; do
  stat -c '%n %a %U:%G %F' -- "$path"
  sha256sum -- "$path"
done
section managed
grep -H '' /var/lib/massive-deploy/managed/*
section stamps
grep -H '' /var/lib/massive-deploy/stamps/*
section state-folder
marks /var/lib/massive-deploy -mindepth 1
cat /var/lib/massive-deploy/migrated 2>/dev/null

section etc
find /etc -type f -printf '%p\n' | grep -Ev "$NOT_COMPARED" | sort | xargs -d '\n' sha256sum
marks /etc | grep -Ev "$NOT_COMPARED"

section packages
dpkg-query -W -f='${Package}:${Architecture} ${Version} ${db:Status-Abbrev}\n' | sort
section packages-asked-for
apt-mark showmanual | sort
section users
cut -d: -f1,6,7 /etc/passwd | sort
cut -d: -f1,4 /etc/group | sort

section units-enabled
systemctl list-unit-files --no-legend --plain | grep -Ev '^(run-|session-|user@|user-)' | awk '{print $1, $2}' | sort
section units-running
systemctl list-units --no-legend --plain --type=service --state=running | awk '{print $1}' | grep -Ev '^user@' | sort
systemctl list-units --no-legend --plain --type=socket --state=active | awk '{print $1}' | sort
section units-failed
systemctl list-units --no-legend --plain --failed | awk '{print $1}'
section needs-reload
sed -n 's/^unit //p' /var/lib/massive-deploy/managed/* | sort -u |
  xargs -r systemctl show -p Id,NeedDaemonReload,ActiveState,UnitFileState
section command-lines
sed -n 's/^unit //p' /var/lib/massive-deploy/managed/* | sort -u | while read -r unit; do
  pid=$(systemctl show -p MainPID --value "$unit")
  [ "$pid" = 0 ] || printf '%s %s\n' "$unit" "$(tr '\0' ' ' <"/proc/$pid/cmdline")"
done
section listening
ss -Hltn | awk '{print $4}' | grep -v '^127.0.0.11:' | sort -u  # Docker's resolver

section folders
marks /usr/local /srv/app -maxdepth 1
marks /usr/local/lib/massive-deploy /srv/app/releases /srv/app/packed /srv/app/media -maxdepth 1
marks /var/lib/postgresql /var/lib/etcd /var/lib/redis /var/lib/prometheus -maxdepth 2 | grep -Ev ' f $'
section release
readlink /srv/app/current
for release in /srv/app/releases/*/; do
  [ -d "$release" ] || continue
  find "$release" -type f ! -name '*.pyc' -path '*/src/*' -o -type f -path '*/static/*' -o -type f -path '*/recipe/*' |
    grep -v '\.pyc$' | sort | xargs -d '\n' sha256sum
  "$release/venv/bin/python" -m pip --disable-pip-version-check freeze | sort
  marks "$release" -maxdepth 1
done

psql() { runuser -u postgres -- psql -h /var/run/postgresql -p 5432 -XAtq "$@" 2>&1; }
if [ -e /etc/patroni/config.yml ]; then
  section sql-roles
  psql -d postgres -c "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
    rolconnlimit, CASE WHEN rolname = 'postgres' THEN (rolpassword IS NOT NULL)::text ELSE md5(rolpassword) END,
    rolvaliduntil, (SELECT string_agg(m.roleid::regrole::text, ',' ORDER BY 1)
    FROM pg_auth_members m WHERE m.member = r.oid) FROM pg_authid r ORDER BY rolname COLLATE \"C\""
  psql -d postgres -c 'SELECT setrole::regrole, setdatabase, setconfig FROM pg_db_role_setting ORDER BY 1, 2'
  section sql-databases
  psql -d postgres -c 'SELECT datname, datdba::regrole, encoding, datcollate, datctype, datallowconn, datacl
    FROM pg_database ORDER BY datname COLLATE "C"'
  for name in $(psql -d postgres -c 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1'); do
    psql -d "$name" -c "SELECT '$name', extname, extversion FROM pg_extension ORDER BY 2"
    psql -d "$name" -c "SELECT '$name', schemaname, tablename, tableowner FROM pg_tables
      WHERE schemaname !~ '^pg_|information_schema' AND tablename <> 'kept_rows' ORDER BY 2, 3"
    psql -d "$name" -c "SELECT '$name', indexname, indexdef FROM pg_indexes
      WHERE schemaname !~ '^pg_|information_schema' AND tablename <> 'kept_rows' ORDER BY 2"
    [ -z "$(psql -d "$name" -c "SELECT to_regclass('django_migrations')")" ] ||
      psql -d "$name" -c 'SELECT app, name FROM django_migrations ORDER BY 1, 2'
  done
  section pg_hba
  psql -d postgres -c 'SELECT type, database, user_name, address, netmask, auth_method, options, error
    FROM pg_hba_file_rules ORDER BY rule_number'
  section pg-settings
  psql -d postgres -c "SELECT name, CASE WHEN name = 'primary_conninfo' THEN '' ELSE setting END, pending_restart
    FROM pg_settings WHERE (source NOT IN ('default', 'override', 'client') OR pending_restart)
      AND name NOT LIKE 'recovery_target%' ORDER BY name"
  section pg-slots  # Patroni keeps the slot of a member that left for half an hour
  psql -d postgres -c 'SELECT slot_name, slot_type FROM pg_replication_slots WHERE active ORDER BY 1'
  section patroni-live
  rest=$(ss -Hltn 'sport = :8008' | awk '{print $4}' | head -n 1)
  curl -sS --max-time 5 "http://$rest/config" | python3 -m json.tool --sort-keys
  curl -sS --max-time 5 "http://$rest/cluster" | python3 -c '
import json, sys
for m in json.load(sys.stdin)["members"]:
    print(m["name"], m["role"], m["state"], m.get("tags", ""), m.get("pending_restart", ""))'
fi

# What the daemons really run with: a missed reload shows here, though every file is right.
if [ -e /etc/pgbouncer/pgbouncer.ini ]; then
  section pgbouncer-live
  console() { runuser -u postgres -- psql -h /run/postgresql -p 6432 -U pgbouncer -d pgbouncer -XAtq -c "$1"; }
  console 'SHOW CONFIG'
  console 'SHOW DATABASES' | cut -d'|' -f1-9
fi
if [ -e /etc/massive-deploy/redis-password ]; then
  section redis-live
  address=$(ss -Hltn 'sport = :6379' | awk '{print $4}' | grep -v 127.0.0.1 | head -n 1)
  REDISCLI_AUTH=$(cat /etc/massive-deploy/redis-password) redis-cli -h "${address%:*}" config get '*' | paste - - |
    grep -Ev '^(requirepass|masterauth)'
fi
if [ -e /etc/varnish/default.vcl ]; then
  section varnish-live
  varnishadm vcl.show -v "$(varnishadm vcl.list | awk '$1 == "active" {print $NF}')" | sha256sum
  varnishadm param.show changed | tr -s ' '
fi
if [ -e /etc/prometheus/prometheus.yml ]; then
  section prometheus-live
  address=$(ss -Hltn 'sport = :9090' | awk '{print $4}' | head -n 1)
  curl -sS --max-time 5 "http://$address/api/v1/status/config" | sha256sum
  curl -sS --max-time 5 "http://$address/api/v1/rules" |
    python3 -c 'import json,sys; [print(g["name"], r["name"], r["query"], r.get("duration"))
for g in json.load(sys.stdin)["data"]["groups"] for r in g["rules"]]'
fi
section loaded-since-written
younger() {  # unit, configuration: whether its newest process began after the configuration was written
  began=$(for pid in $(cat "/sys/fs/cgroup$(systemctl show -p ControlGroup --value "$1")/cgroup.procs" 2>/dev/null ||
    pgrep -x "$1"); do stat -c %Y "/proc/$pid" 2>/dev/null; done | sort -n | tail -n 1)
  if [ "${began:-0}" -ge "$(stat -c %Y "$2")" ]; then echo "$1 yes"; else echo "$1 no"; fi
}
if [ -e /etc/haproxy/haproxy.cfg ]; then younger haproxy /etc/haproxy/haproxy.cfg; fi
if [ -e /etc/nginx/conf.d/edge.conf ]; then younger nginx /etc/nginx/conf.d/edge.conf; fi
if [ -e /etc/nginx/conf.d/app.conf ]; then younger nginx /etc/nginx/conf.d/app.conf; fi
