import test from 'ava';
import { breaksConnection, translate } from '#src/database/errors.ts';
import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';

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
