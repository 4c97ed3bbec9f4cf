#!/bin/bash
# Once, when the primary's data directory is made: the role that the replica copies with, and the one of the exporter, which
# reads statistics only and gives up after 5 s, so that monitoring cannot load a database that is slow.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --set password="$REPLICATION_PASSWORD" \
  --set monitoring="$MONITORING_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role replicator with replication login password :'password';
create role monitoring with login password :'monitoring' connection limit 4 in role pg_monitor;
alter role monitoring set statement_timeout = '5s';
SQL
echo 'host replication replicator samenet scram-sha-256' >> "$PGDATA/pg_hba.conf"
