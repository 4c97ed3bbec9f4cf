import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { connectionStatuses, type ConnectionStatus } from './entities.ts';

/** Sets the gauge of connected calendars. Called for each scrape. */
export const createConnectionGauge =
  ({ reader, metrics }: { readonly reader: Reader; readonly metrics: Metrics }): (() => Promise<void>) =>
  async () => {
    const rows = await reader.query<{ status: ConnectionStatus; connections: number }>(
      'select status, count(*)::int as connections from calendar_connection group by status',
    );
    for (const status of connectionStatuses) {
      const found = rows.find((row) => row.status === status);
      metrics.set('volwatch_calendar_connections', { status }, found?.connections ?? 0);
    }
  };
