import { highest, of, rate, type DashboardSpec } from '../spec.ts';

const pg = (metric: string, labels = ''): string => `${metric}{job="postgres"${labels}}`;
const host = (metric: string, labels = ''): string => `${metric}{job="host"${labels}}`;

export const saturation: DashboardSpec = {
  uid: 'volwatch-saturation',
  file: 'saturation',
  title: 'Volwatch / Saturation of dependencies',
  description: 'How full PostgreSQL and the host are: what will refuse or slow down next.',
  rows: [
    {
      title: 'PostgreSQL',
      panels: [
        {
          id: 1,
          kind: 'timeseries',
          title: 'Connections of PostgreSQL',
          description: 'Share of max_connections that all programs use together. At 100 % new connections are refused.',
          unit: 'share',
          queries: [
            {
              expr: `sum by (instance) (${pg('pg_stat_activity_count')}) / on (instance) max by (instance) (${pg('pg_settings_max_connections')})`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          id: 2,
          kind: 'timeseries',
          title: 'Sessions by state',
          description: 'Sessions of PostgreSQL. "idle in transaction" for long holds locks and keeps old rows.',
          unit: 'count',
          queries: [{ expr: `sum by (state) (${pg('pg_stat_activity_count')}) > 0`, legend: '{{state}}' }],
          stacked: true,
        },
        {
          id: 3,
          kind: 'timeseries',
          title: 'Oldest transaction',
          description:
            'Seconds since the begin of the oldest transaction that is open. The runbook PoolRequestsWaiting shows who blocks whom.',
          unit: 'seconds',
          queries: [{ expr: `max by (state) (${pg('pg_stat_activity_max_tx_duration')}) > 0`, legend: '{{state}}' }],
        },
        {
          id: 4,
          kind: 'timeseries',
          title: 'Locks by mode',
          description: 'Locks that are held or waited for. An exclusive lock for long makes others wait.',
          unit: 'count',
          queries: [
            { expr: highest(`sum by (mode) (${pg('pg_locks_count', ',datname!=""')})`, 'mode'), legend: '{{mode}}' },
          ],
        },
        {
          id: 5,
          kind: 'timeseries',
          title: 'Size of databases',
          description: 'Bytes on disk of each database. The slope says when the disk is full.',
          unit: 'bytes',
          queries: [{ expr: `max by (datname) (${pg('pg_database_size_bytes')})`, legend: '{{datname}}' }],
        },
        {
          id: 7,
          kind: 'timeseries',
          title: 'Sessions that wait for a lock',
          description:
            'Sessions that another session blocks, by program. The query of the runbook PoolRequestsWaiting names the session that holds the lock.',
          unit: 'count',
          queries: [
            {
              expr: `sum by (application_name) (${pg('pg_stat_activity_count', ',wait_event_type="Lock"')}) or 0 * sum by (application_name) (${pg('pg_stat_activity_count', ',application_name="volwatch"')})`,
              legend: '{{application_name}}',
            },
          ],
        },
        {
          id: 6,
          kind: 'timeseries',
          title: 'Deadlocks',
          description: 'Pairs of transactions per second that waited for each other. PostgreSQL ends one of them.',
          unit: 'events/s',
          queries: [{ expr: `sum(${rate(pg('pg_stat_database_deadlocks'))})`, legend: 'deadlocks' }],
        },
        {
          id: 8,
          kind: 'timeseries',
          title: 'Temporary files',
          description: 'Bytes per second that sorts and joins write to disk, because they do not fit in work_mem.',
          unit: 'bytes/s',
          queries: [{ expr: `sum(${rate(pg('pg_stat_database_temp_bytes'))})`, legend: 'written' }],
        },
      ],
    },
    {
      title: 'As the service sees it',
      panels: [
        {
          id: 30,
          kind: 'timeseries',
          title: 'Connections of the server of PostgreSQL',
          description:
            'Share of the connections that the server allows to all programs, read by the service. It needs no exporter.',
          unit: 'share',
          queries: [
            {
              expr: `max(${of('volwatch_db_server_connections', 'state="used"')}) / max(${of('volwatch_db_server_connections', 'state="max"')})`,
              legend: 'connections in use',
            },
          ],
        },
      ],
    },
    {
      title: 'Host',
      panels: [
        {
          id: 20,
          kind: 'timeseries',
          title: 'Processor use of the host',
          description:
            'Share of all processors that are busy, by what they do. "iowait" is a slow disk, "steal" another machine.',
          unit: 'share',
          queries: [
            {
              expr: `avg by (mode) (${rate(host('node_cpu_seconds_total', ',mode=~"user|system|iowait|steal"'))})`,
              legend: '{{mode}}',
            },
          ],
          stacked: true,
        },
        {
          id: 21,
          kind: 'timeseries',
          title: 'Memory of the host in use',
          description: 'Share of the memory of the host that is not available.',
          unit: 'share',
          queries: [
            {
              expr: `1 - ${host('node_memory_MemAvailable_bytes')} / ${host('node_memory_MemTotal_bytes')}`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          id: 22,
          kind: 'timeseries',
          title: 'Disk space in use',
          description:
            'Share of each file system of the host that is in use. PostgreSQL stops writing when its disk is full.',
          unit: 'share',
          queries: [
            {
              expr: `max by (instance, device) (1 - ${host('node_filesystem_avail_bytes', ',fstype!~"tmpfs|overlay|squashfs|ramfs"')} / ${host('node_filesystem_size_bytes', ',fstype!~"tmpfs|overlay|squashfs|ramfs"')}) > 0`,
              legend: '{{instance}} {{device}}',
            },
          ],
        },
        {
          id: 23,
          kind: 'timeseries',
          title: 'Time that tasks wait for a processor or the disk',
          description:
            'Share of time in which at least one task waits (pressure stall information). It grows before latency does.',
          unit: 'share',
          queries: [
            {
              expr: `sum by (instance) (${rate(host('node_pressure_cpu_waiting_seconds_total'))})`,
              legend: 'processor',
            },
            { expr: `sum by (instance) (${rate(host('node_pressure_io_waiting_seconds_total'))})`, legend: 'disk' },
            {
              expr: `sum by (instance) (${rate(host('node_pressure_memory_waiting_seconds_total'))})`,
              legend: 'memory',
            },
          ],
        },
      ],
    },
  ],
};
