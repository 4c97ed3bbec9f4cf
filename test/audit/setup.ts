import type { ExecutionContext } from 'ava';
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase, type Database } from '#src/database/database.ts';
import type { AuditEvent, AuditTrail } from '#src/kernel/ports/audit.ts';
import { systemClock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { databaseSettings, setupDatabase, type TestDatabase } from '#testkit/database.ts';
import { recordMetrics, type RecordedMetrics } from '#testkit/metrics.ts';

export type Setup = {
  readonly audit: AuditTrail;
  readonly database: Database;
  /** Direct access to the database as a superuser, without the code under test. */
  readonly admin: TestDatabase;
  readonly metrics: RecordedMetrics;
  /** Records each event, all in one transaction. */
  readonly record: (...events: readonly AuditEvent[]) => Promise<void>;
};

/** An audit trail with a separate migrated database. */
export const setup = async (t: ExecutionContext): Promise<Setup> => {
  const admin = await setupDatabase(t);
  const metrics = recordMetrics();
  const database = await createDatabase({ ...databaseSettings(admin.url), entities, metrics });
  t.teardown(() => database.close());
  const audit = createAuditTrail({ clock: systemClock, metrics, ids: uuidv7 });
  const record: Setup['record'] = (...events) =>
    database.unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
      for (const event of events) await audit.record(transaction, event);
    });
  return { audit, database, admin, metrics, record };
};

export const startedEvent = (stream: AuditEvent['stream'] = 'refresh:tech5', target = 'one'): AuditEvent => ({
  stream,
  action: 'refresh.started',
  outcome: 'success',
  target,
  data: { universe: 'tech5' },
});
