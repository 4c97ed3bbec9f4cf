#!/bin/bash
# A streaming replica: copies the primary once, then follows it.
set -euo pipefail
export PGDATA=/var/lib/postgresql/18/docker
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Into a folder beside it, which is renamed when it is complete: a copy that was interrupted must not be started.
  copy="$PGDATA.copy"
  rm -rf "$copy"
  install -d -m 700 "$copy"
  PGPASSWORD="$REPLICATION_PASSWORD" pg_basebackup --host postgres --username replicator --pgdata "$copy" \
    --write-recovery-conf --wal-method stream --checkpoint fast
  mv -T "$copy" "$PGDATA"
fi
exec postgres -c hot_standby=on
