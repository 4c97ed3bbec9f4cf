import { readCode } from './source-code.ts';

/**
 * Operations of the service itself and of operators, and those that lock no row of an owner which his other requests lock too: each locks only a row that its
 * request has made, adds rows, reads, or takes turns of all callers.
 */
const needNoName: ReadonlySet<string> = new Set([
  'account.export',
  'account.token',
  'auth.client',
  'auth.maintenance',
  'auth.operator',
  'auth.refusal',
  'fault.change',
  'idempotency.claim',
  'idempotency.finish',
  'idempotency.renew',
  'index.calculate',
  'mail.delivery',
  'pricing_job.finish',
  'quality.store',
  'refresh.apply',
  'refresh.close_dangling',
  'refresh.finish',
  'refresh.record',
  'retention',
  'universe.change',
  'universe.schedules',
  'webhook.delivery',
  'webhook.fan_out',
]);

/** Single transactions of other operations, for each file: how many, and why none of them needs a name. */
const exceptions: Readonly<Record<string, { readonly count: number; readonly because: string }>> = {
  'src/auth/owners/credential-admin.ts account.removal': { count: 1, because: 'the retention and operators run it' },
  'src/auth/tokens/revocation-endpoint.ts auth.revoke': {
    count: 1,
    because: 'a second revocation of a token does nothing',
  },
  'src/auth/users/legacy-users.ts auth.login': { count: 1, because: 'only the first request of an account changes it' },
  'src/auth/users/registration-quota.ts auth.register': {
    count: 2,
    because: 'it locks counts of a network and of all',
  },
  'src/calendar/consents.ts calendar.consent': { count: 1, because: 'a state of a consent is used once' },
  'src/calendar/revocations.ts calendar.connection': { count: 2, because: 'one reads, and one adds a job' },
  'src/calendar/sync/scheduled-sync.ts calendar.sync': { count: 2, because: 'they add jobs' },
  'src/calendar/sync/sync.ts calendar.sync': { count: 1, because: 'it reads' },
  'src/calendar/tokens/access-tokens.ts calendar.token': { count: 1, because: 'it reads' },
  'src/pricing-jobs/chunk-store.ts pricing_job.change': { count: 2, because: 'chunks of one job are written at once' },
};

const runs = /unitOfWork\s*\.run\(\s*(\{[^}]*\}|[\w.]+)/g;

/** The text of the options: of the literal, or of the declaration that a name or a call refers to. */
const optionsOf = (code: string, given: string): string =>
  given.startsWith('{')
    ? given
    : (new RegExp(`const ${given} =(?:(?!\\n\\n)[^])*?operation(?:(?!\\n\\n)[^])*?\\}`).exec(code)?.[0] ?? given);

const operationOf = (code: string, options: string): string =>
  /operation: '([^']+)'/.exec(options)?.[1] ?? /const operation = '([^']+)'/.exec(code)?.[1] ?? options;

/**
 * Transactions that may lock rows of an owner and do not name them (`alone`). Those of one owner then wait for each other in the database, each with a
 * connection. See docs/decisions/0391.
 */
export const lockNameFaults = (files = readCode()): string[] =>
  [...files].flatMap(([path, code]) => {
    const unnamed = [...code.matchAll(runs)]
      .map((match) => ({ line: code.slice(0, match.index).split('\n').length, options: optionsOf(code, match[1]!) }))
      .filter(({ options }) => !/\balone\b/.test(options))
      .map(({ line, options }) => ({ line, operation: operationOf(code, options) }))
      .filter(({ operation }) => !needNoName.has(operation));
    return [...Map.groupBy(unnamed, ({ operation }) => operation)]
      .filter(([operation, found]) => found.length > (exceptions[`${path} ${operation}`]?.count ?? 0))
      .map(
        ([operation, found]) =>
          `${path}:${found.map(({ line }) => line).join(',')}: a transaction of ${operation} names no lock. Give it \`alone\` with a name of src/kernel/catalogue/lock-names.ts, or say in scripts/check/code/lock-names.ts why it needs none.`,
      );
  });
