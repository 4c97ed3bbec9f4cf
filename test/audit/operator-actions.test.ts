import test from 'ava';
import { createOperatorActions } from '#src/audit/operator-actions.ts';
import { uuidv7 } from '#src/kernel/ids.ts';
import type { AuditEvent } from '#src/kernel/ports/audit.ts';
import { setup, startedEvent } from './setup.ts';

const name = 'volwatch_operator_actions_total';
const operator = { kind: 'operator', subject: null } as const;
const created = (id: string): AuditEvent => ({
  stream: `client:${id}`,
  action: 'client.created',
  outcome: 'success',
  actor: operator,
  target: id,
  data: { scopes: [], created_at: new Date().toISOString() },
});

test('actions of operators are counted once each, those of callers and those before the start are not', async (t) => {
  const { database, metrics, record } = await setup(t);
  await record(created('before'));
  let milliseconds = 0;
  // The events before this moment have a smaller id.
  const startedAt = Date.now() + 1;
  const clock = { now: () => new Date(startedAt + milliseconds), monotonic: () => milliseconds };
  const collect = createOperatorActions({ reader: database.reader, metrics, clock });
  const counted = () => metrics.value(name, { action: 'client.created' });
  await new Promise((done) => setTimeout(done, 5));

  await collect();
  t.is(metrics.value(name), 0);
  await record(created('one'), startedEvent());
  milliseconds += 1_000;
  await collect();
  t.is(counted(), 0, 'it does not read at every scrape');
  milliseconds += 10_000;
  await collect();
  t.is(counted(), 1);
  milliseconds += 10_000;
  await collect();
  t.is(counted(), 1, 'an event of the overlap is not counted again');

  // A transaction that began before the last read and is committed after it.
  await record(created('two'));
  await database.unitOfWork.run({ operation: 'retention' }, ({ query }) =>
    query(
      `insert into audit_event (id, stream, sequence, action, outcome, actor_kind, target, occurred_at, data, previous_hash, hash)
       select $1, 'client:late', 1, action, outcome, actor_kind, 'late', occurred_at, data, previous_hash, hash
       from audit_event where target = 'two'`,
      [uuidv7(startedAt)],
    ),
  );
  milliseconds += 10_000;
  await collect();
  t.is(counted(), 3);
  milliseconds += 120_000;
  await collect();
  await collect();
  t.is(counted(), 3);
  t.is(metrics.value(name), 3, 'refreshes are no actions of operators');
});
