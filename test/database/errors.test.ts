import test from 'ava';
import { authEntities, UserAccountEntity } from '#src/auth/entities.ts';
import { createDatabase } from '#src/database/database.ts';
import { breaksConnection, translate } from '#src/database/errors.ts';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import { describeError } from '#src/telemetry/logs/redaction.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';

const literal = 'somebody@example.com';
const fault = (code: string): Error => Object.assign(new Error(`failed for ${literal}`), { code });

const cases: readonly [string, ErrorCode][] = [
  ['40001', 'database_conflict'],
  ['40P01', 'database_conflict'],
  ['57014', 'database_timeout'],
  ['25P03', 'database_timeout'],
  ['55P03', 'database_timeout'],
  ['42P01', 'database_schema_outdated'],
  ['42703', 'database_schema_outdated'],
  ['25006', 'database_unavailable'],
  ['53300', 'database_unavailable'],
  ['57P01', 'database_unavailable'],
  ['57P03', 'database_unavailable'],
  ['28P01', 'database_unavailable'],
  ['3D000', 'database_unavailable'],
  ['08006', 'database_unavailable'],
  ['22021', 'validation_failed'],
  ['22P05', 'validation_failed'],
  ['22007', 'validation_failed'],
  ['22008', 'validation_failed'],
  ['ECONNREFUSED', 'database_unavailable'],
  ['ENOTFOUND', 'database_unavailable'],
  ['ECONNRESET', 'database_unavailable'],
];
for (const [state, code] of cases) {
  test(`${state} is ${code}, and its detail repeats nothing of the statement`, (t) => {
    const cause = fault(state);
    const error = translate(cause);
    t.true(error instanceof AppError);
    t.like(error, { code, cause });
    t.false(String(error).includes(literal));
  });
}

test('an error that is no fault of the database is returned unchanged', (t) => {
  for (const error of [
    fault('23505'),
    fault('22P02'),
    new TypeError('a mistake'),
    new AppError('overloaded'),
    'text',
  ]) {
    t.is(translate(error), error);
  }
});

test('the earlier error of the connection has priority over the error of the statement', (t) => {
  const error = translate(new Error('Client has encountered a connection error and is not queryable'), fault('25P03'));
  t.like(error, { code: 'database_timeout' });
});

test('the SQLSTATE decides whether the connection can still be used, not the translated severity', (t) => {
  t.false(breaksConnection(Object.assign(fault('23505'), { severity: 'FEHLER' })));
  for (const state of ['57P01', '57P05', '25P03', '25P04', '53300', '08P01', '28P01', 'XX000']) {
    t.true(breaksConnection(Object.assign(fault(state), { severity: 'ERROR' })), state);
  }
  t.true(breaksConnection(new Error('Query read timeout')));
});

const rejections: readonly (readonly [what: string, change: string])[] = [
  ['a column without a value', 'alter table user_account add column canary text not null'],
  ['a check', "alter table user_account add constraint canary check (role <> 'user')"],
  ['a duplicate', 'create unique index canary on user_account (role)'],
  [
    'a trigger',
    `create function canary() returns trigger language plpgsql as $$
       begin raise exception 'no row for %', new.email using detail = new.password_hash, hint = new.email; end $$;
     create trigger canary before insert on user_account for each row execute function canary()`,
  ],
];
for (const [what, change] of rejections) {
  test(`a row that ${what} rejects is in no description of the error`, async (t) => {
    const stored = await setupDatabase(t);
    const database = await createDatabase({ ...databaseSettings(stored.url), entities: authEntities });
    t.teardown(() => database.close());
    const insert = (number: number) =>
      database.unitOfWork.run({ operation: 'auth.register' }, async ({ em }) => {
        em.create(UserAccountEntity, {
          id: `00000000-0000-7000-8000-00000000000${number}`,
          email: `kanarie${number}@example.com`,
          passwordHash: 'kanarie-hash',
          role: 'user',
          scopes: ['ml:read'],
          createdAt: new Date(),
        });
        await em.flush();
      });
    if (what === 'a duplicate') await insert(1);
    await stored.query(change);
    const error = await t.throwsAsync(insert(2));
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      t.notRegex(JSON.stringify(describeError(each)), /kanarie/i, each.constructor.name);
    }
  });
}
