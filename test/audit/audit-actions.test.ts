import { globSync, readFileSync } from 'node:fs';
import test from 'ava';
import { auditActions, auditActionsOf, auditGrowth } from '#src/kernel/catalogue/audit-actions.ts';

const declaration = 'src/kernel/catalogue/audit-actions.ts';
const sources = globSync('src/**/*.ts')
  .filter((path) => path !== declaration)
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
const writers = (action: string): string[] =>
  sources.filter(({ text }) => text.includes(`'${action}'`)).map(({ path }) => path);

test('each declared action is written somewhere', (t) => {
  for (const action of auditActions) t.true(writers(action).length > 0, `${action} of ${declaration} is never written`);
});

test('only the commands of operators and the admin port write the actions of operators', (t) => {
  const ofOperators = new Set([
    'src/auth/clients/client-admin.ts',
    'src/auth/owners/credential-admin.ts',
    // The listener of fault changes at the admin port.
    'src/compose/features/audit.ts',
    // The list of operations, and the span event of a fault.
    'src/kernel/catalogue/operations.ts',
    'src/telemetry/faults.ts',
  ]);
  for (const action of auditActionsOf('operator')) {
    for (const path of writers(action)) t.true(ofOperators.has(path), `${path} writes ${action}`);
  }
});

/** Verbs of actions that a caller can repeat, because they create or change something. */
const repeatable =
  /\.([a-z_]+_)?(created|rotated|connected|signed_in|changed|stored|enabled|exported|requested|queued|started)$/;

test('each action that creates or changes something counts, or is listed here with what bounds it', (t) => {
  const bounded: Readonly<Record<string, string>> = {
    'client.created': 'operator',
    'client.rotated': 'operator',
    // Records `api_key.created` too.
    'api_key.rotated': 'following',
    // By the mail that a counted request causes.
    'user.email_changed': 'following',
    'user.password_reset_requested': 'limited',
    // Only a sign-in cancels the removal, and sign-ins count.
    'user.removal_requested': 'following',
    // Only deliveries that fail disable a webhook.
    'webhook.enabled': 'following',
  };
  const uncounted = auditActions.filter(
    (action) =>
      repeatable.test(action) &&
      ['following', 'ending', 'refusal', 'operator', 'limited'].includes(auditGrowth[action]),
  );
  t.deepEqual(Object.fromEntries(uncounted.map((action) => [action, auditGrowth[action]])), bounded);
});
