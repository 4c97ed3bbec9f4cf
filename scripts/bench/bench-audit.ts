/**
 * Measures the cost of the audit trail for a small transaction, and the cost of a shared stream: `npm run bench:audit`.
 * The figures are transactions per second on a durable PostgreSQL, ten at a time: without an event, with one event in a
 * separate stream for each transaction, and with all events in one stream.
 */
import { createAuditTrail } from '#src/audit/audit-trail.ts';
import { verifyAuditTrail } from '#src/audit/verification.ts';
import { entities } from '#src/compose/data/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import type { AuditStream } from '#src/kernel/ports/audit.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import { silentLogger as logger } from '#src/kernel/ports/logger.ts';
import { noMetrics as metrics } from '#src/kernel/catalogue/metrics.ts';
import { median } from '#testkit/measures/statistics.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { createScope } from '#testkit/scope.ts';

const transactions = 1_000;
const atOnce = 10;
const rounds = 5;

const scope = createScope();
const postgres = await startTemporaryPostgres(scope, { name: 'bench', durable: true });
const database = await createDatabase({
  url: postgres.url,
  ssl: 'disable',
  poolMax: atOnce,
  acquireTimeoutMs: 10_000,
  statementTimeoutMs: 60_000,
  idleInTransactionTimeoutMs: 60_000,
  applicationName: 'bench',
  maxTransactionRetries: 0,
  entities,
  logger,
  metrics,
  clock,
});
const audit = createAuditTrail({ clock, metrics, ids: uuidv7 });

/**
 * Returns transactions per second.
 * @param streamOf the stream of a transaction; undefined records no event
 */
const measure = async (streamOf: (index: number) => AuditStream | undefined): Promise<number> => {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < transactions; index = next++) {
      await database.unitOfWork.run({ operation: 'refresh.record' }, async (transaction) => {
        await transaction.query('insert into bench (note) values ($1)', [String(index)]);
        const stream = streamOf(index);
        if (stream === undefined) return;
        const data = { owner_kind: 'user', scopes: ['ml:read'], created_at: clock.now().toISOString() };
        await audit.record(transaction, {
          stream,
          action: 'api_key.created',
          outcome: 'success',
          target: stream,
          data,
        });
      });
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: atOnce }, work));
  return transactions / ((performance.now() - started) / 1_000);
};

try {
  await database.migrator.up();
  await database.reader.query('create table bench (id bigserial primary key, note text)');
  const cases = [
    { name: 'no event', streamOf: () => undefined },
    { name: 'a stream each', streamOf: () => `api_key:${uuidv7()}` as const },
    { name: 'one stream', streamOf: () => 'api_key:shared' as const },
  ];
  const speeds = cases.map(() => [] as number[]);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, { streamOf }] of cases.entries()) {
      const speed = await measure(streamOf);
      // The first round is for warm-up.
      if (round > 0) speeds[index]!.push(speed);
    }
  }
  for (const [index, { name }] of cases.entries()) {
    console.log(`${name.padEnd(14)} ${median(speeds[index]!).toFixed(0).padStart(6)} transactions/s`);
  }
  const started = performance.now();
  const { events, faults } = await verifyAuditTrail(database.reader);
  const [size] = await database.reader.query<{ bytes: number }>(
    `select pg_total_relation_size('audit_event') + pg_total_relation_size('audit_stream') as bytes`,
  );
  console.log(
    `verified ${(events / ((performance.now() - started) / 1_000)).toFixed(0)} events/s, ${faults.length} faults`,
  );
  console.log(`${((size?.bytes ?? 0) / events).toFixed(0)} bytes an event, indexes included`);
} finally {
  await database.close();
  await scope.close();
}
