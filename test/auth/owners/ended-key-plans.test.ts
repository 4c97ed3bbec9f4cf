import test from 'ava';
import { createApiKeyReads } from '#src/auth/api-keys/api-key-reads.ts';
import { createNewKeys } from '#src/auth/api-keys/new-key.ts';
import { ApiKeyEntity } from '#src/auth/account-entities.ts';
import { createDatabase } from '#src/database/database.ts';
import type { Query } from '#src/kernel/ports/unit-of-work.ts';
import { noAudit } from '#src/kernel/ports/audit.ts';
import { systemClock as clock } from '#src/kernel/ports/clock.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

type Plan = {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
};

const rowsRead = (plan: Plan): number =>
  (plan['Relation Name'] === undefined
    ? 0
    : ((plan['Actual Rows'] ?? 0) + (plan['Rows Removed by Filter'] ?? 0)) * (plan['Actual Loops'] ?? 1)) +
  (plan.Plans ?? []).reduce((sum, inner) => sum + rowsRead(inner), 0);

const user = '018f0000-0000-7000-8000-000000000001';
const caller = { kind: 'user', subject: user, scopes: ['ml:read'] } as const;

test('a list of keys and a new key read no key of the owner that has ended, however many there are', async (t) => {
  const admin = await setupDatabase(t);
  const database = await createDatabase({ ...databaseSettings(admin.url), entities: [ApiKeyEntity] });
  t.teardown(() => database.close());
  const insert = (name: string, count: number, expires: string, revoked = 'null') =>
    admin.query(
      `insert into api_key (id, key_hash, prefix, name, owner_kind, owner_id, scopes, created_at, expires_at, revoked_at)
       select gen_random_uuid(), sha256((($1 || number))::bytea), 'vw_', $1, 'user', $2, '{ml:read}', now(), ${expires}, ${revoked}
       from generate_series(1, $3::int) as number`,
      [name, user, count],
    );
  await insert('expired', 10_000, `now() - interval '2 hours'`);
  await insert('revoked', 10_000, 'null', 'now()');
  await insert('live', 3, 'null');
  await insert('live for a day', 2, `now() + interval '1 day'`);
  await admin.query('analyze api_key');

  const read: number[] = [];
  /** Runs the statements on keys with a plan too. */
  const planned =
    (query: Query): Query =>
    async <Row extends Record<string, unknown>>(text: string, parameters?: readonly unknown[]) => {
      if (text.includes('from api_key')) {
        const [row] = await query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(
          `explain (analyze, format json) ${text}`,
          parameters,
        );
        read.push(rowsRead(row!['QUERY PLAN'][0]!.Plan));
      }
      return query<Row>(text, parameters);
    };
  const reads = createApiKeyReads({ reader: { query: planned(database.reader.query) }, clock, secret: 'secret' });
  const listed = await reads.list(caller, { after: null, from: null, to: null, limit: 101 });
  t.is(listed.length, 5);
  const newKeys = createNewKeys({
    audit: noAudit,
    owners: { assertMayStore: async () => {} } as never,
    clock,
    taggedSecrets: { create: (prefix) => `${prefix}secret` },
    secret: 'secret',
    maxPerOwner: 10,
  });
  await database.unitOfWork.run({ operation: 'auth.api_key' }, (transaction) =>
    newKeys.insert(
      { ...transaction, query: planned(transaction.query) },
      { caller, name: 'new', scopes: ['ml:read'], endOf: () => null },
    ),
  );
  t.is(read.length, 2);
  t.true(Math.max(...read) < 100, `rows that were read: ${read.join(', ')}`);
});
