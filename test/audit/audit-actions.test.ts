import { globSync, readFileSync } from 'node:fs';
import test from 'ava';
import {
  auditActions,
  auditActionsOf,
  auditGrowth,
  auditQuotaGroups,
  type AuditAction,
  type AuditGrowth,
} from '#src/kernel/catalogue/audit-actions.ts';

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
    // By the mail that a counted request causes.
    'user.email_changed': 'following',
    'user.password_reset_requested': 'limited',
    // Only a sign-in cancels the removal, and sign-ins count.
    'user.removal_requested': 'following',
    // By a test, which counts.
    'webhook.enabled': 'following',
  };
  const uncounted = auditActions.filter(
    (action) =>
      repeatable.test(action) &&
      ['following', 'ending', 'refusal', 'operator', 'limited'].includes(auditGrowth[action]),
  );
  t.deepEqual(Object.fromEntries(uncounted.map((action) => [action, auditGrowth[action]])), bounded);
});

/**
 * What each event of an action with the bound `following` follows: other actions, or what happens once for an object. An action that a
 * caller can repeat without an event that counts must not be here.
 */
const followed: Readonly<Record<string, readonly (AuditAction | 'once for each change of the cost of hashes')[]>> = {
  'refresh.applied': ['refresh.started'],
  'refresh.succeeded': ['refresh.started'],
  'refresh.rolled_back': ['refresh.started'],
  'refresh.failed': ['refresh.queued', 'refresh.started'],
  'refresh.removed': ['refresh.queued', 'refresh.started'],
  'universe.deleted': ['universe.created'],
  'user.disabled': ['user.registered', 'user.enabled'],
  'user.erased': ['user.registered'],
  'user.second_factor_removed': ['user.second_factor_enabled'],
  'user.recovery_code_used': ['user.second_factor_enabled'],
  'user.signed_out': ['user.signed_in'],
  'user.sessions_ended': ['user.signed_in'],
  'user.password_rehashed': ['once for each change of the cost of hashes'],
  'user.password_reset': ['user.password_reset_requested'],
  'user.removal_requested': ['user.signed_in'],
  'user.removal_cancelled': ['user.signed_in'],
  'user.preset_removed': ['user.preset_stored'],
  'user.email_verified': ['user.registered', 'user.email_change_requested'],
  'user.email_changed': ['user.email_change_requested'],
  'refresh_token.reused': ['user.signed_in'],
  'api_key.revoked': ['api_key.created'],
  'webhook.deleted': ['webhook.created'],
  // A test that arrives enables a webhook; the answer to a test or to an event can disable it again.
  'webhook.enabled': ['webhook.tested'],
  'webhook.disabled': ['webhook.created', 'webhook.tested'],
  'calendar.disconnected': ['calendar.connected'],
  'calendar.reauthorization_required': ['calendar.connected'],
};

test('each action that follows another one is listed with it, and that one counts or is limited', (t) => {
  t.deepEqual(Object.keys(followed).toSorted(), auditActionsOf('following').toSorted());
  const counted = new Set<AuditGrowth>([...auditQuotaGroups, 'limited', 'operator']);
  for (const [action, causes] of Object.entries(followed)) {
    for (const cause of causes) {
      if (cause in auditGrowth) t.true(counted.has(auditGrowth[cause as AuditAction]), `${action} after ${cause}`);
    }
  }
});
