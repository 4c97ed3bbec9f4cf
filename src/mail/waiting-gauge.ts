import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';

export type WaitingGaugeDeps = { readonly reader: Reader; readonly clock: Clock; readonly metrics: Metrics };

/** Sets the age of the message that waits for the longest time. Called for each scrape. */
export const createWaitingGauge =
  ({ reader, clock, metrics }: WaitingGaugeDeps) =>
  async (): Promise<void> => {
    const [row] = await reader.query<{ oldest: Date | null }>(
      `select min(created_at) as oldest from mail_message where state = 'waiting'`,
    );
    const oldest = row?.oldest ?? null;
    const seconds = oldest === null ? 0 : Math.max(0, (clock.now().getTime() - oldest.getTime()) / 1_000);
    metrics.set('volwatch_mail_oldest_waiting_seconds', {}, seconds);
  };
