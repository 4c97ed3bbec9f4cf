import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { AuditAction } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { firstUuidv7At } from '#src/kernel/ids.ts';

export type OperatorActionsDeps = {
  readonly reader: Reader;
  readonly metrics: Metrics;
  readonly clock: Clock;
};

const minIntervalMs = 5_000;
/**
 * Each read also covers this time before the previous one, because a transaction may have been open then, and because
 * the clock of another machine may be behind.
 */
const overlapMs = 60_000;

const actionsSql = `select id, action from audit_event where id > $1::uuid and actor_kind = 'operator' order by id`;

/**
 * Returns a collector that counts the actions of operators since it was made. They are read from the audit trail, because
 * a command of an operator is a process that ends before a scrape.
 */
export const createOperatorActions = ({ reader, metrics, clock }: OperatorActionsDeps): (() => Promise<void>) => {
  const startedAt = clock.now().getTime();
  let readFrom = startedAt;
  let readAt = -Infinity;
  let counted = new Set<string>();
  return async () => {
    if (clock.monotonic() - readAt < minIntervalMs) return;
    readAt = clock.monotonic();
    const now = clock.now().getTime();
    const events = await reader.query<{ id: string; action: AuditAction }>(actionsSql, [firstUuidv7At(readFrom)]);
    for (const { id, action } of events) {
      if (!counted.has(id)) metrics.count('volwatch_operator_actions_total', { action });
    }
    // Ids before the next read cannot be found again.
    counted = new Set(events.map(({ id }) => id));
    readFrom = Math.max(startedAt, now - overlapMs);
  };
};
