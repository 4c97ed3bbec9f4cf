import test from 'ava';
import {
  call,
  clearFault,
  client,
  refresh,
  refreshRecordOf,
  serve,
  setFault,
  settings,
  takeToken,
  tokenRequest,
} from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { operate, type CommandResult } from '#testkit/commands/operate.ts';

type Event = {
  readonly action: string;
  readonly actor: { readonly kind: string; readonly subject: string | null };
  readonly target: string;
  readonly request_id: string | null;
  readonly trace_id: string | null;
  readonly data: Readonly<Record<string, unknown>>;
};

/** `npm run audit:verify`. */
const verify = (url: string): Promise<CommandResult> => operate({ url }, 'audit.ts');

test('the trail of a running service contains refreshes and injected faults with their actors, and verifies', async (t) => {
  const { url, query } = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: url });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  await setFault(service, 'refresh.store_prices', { mode: 'error', count: 1 });
  const failed = await refresh(service, token, 'tech5');
  const record = refreshRecordOf(failed);
  t.is(record['status'], 'rolled_back');
  await setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 1 });
  await clearFault(service, 'pricing.engine');
  await clearFault(service, 'pricing.engine');

  const events = async (filter: string): Promise<readonly Event[]> => {
    const headers = { Authorization: `Bearer ${token}` };
    const { status, body } = await call(`${service.url}/api/v1/audit/events?${filter}`, { headers });
    t.is(status, 200);
    return body['data'] as Event[];
  };
  const [started, ended] = await events(`target=${String(record['id'])}`);
  t.like(started, { action: 'refresh.started', actor: { kind: 'client', subject: client.id } });
  t.is(started?.request_id, failed.headers.get('x-request-id'));
  t.is(started?.trace_id, record['trace_id'] as string);
  t.like(ended, { action: 'refresh.rolled_back', actor: { kind: 'client', subject: client.id } });
  t.is((await events('action=refresh.started&stream=refresh:sp500'))[0]?.actor.kind, 'system');
  const faults = [
    ...(await events('stream=fault:refresh.store_prices')),
    ...(await events('stream=fault:pricing.engine')),
  ];
  t.deepEqual(
    faults.map(({ action, actor, target, data }) => [action, actor.kind, target, data['mode']]),
    [
      ['fault.injected', 'operator', 'refresh.store_prices', 'error'],
      ['fault.injected', 'operator', 'pricing.engine', 'delay'],
      ['fault.cleared', 'operator', 'pricing.engine', undefined],
    ],
  );

  const narrow = tokenRequest(client.secret);
  (narrow.body as URLSearchParams).set('scope', 'market:refresh');
  const { body } = await call(`${service.url}/api/v1/auth/token`, narrow);
  const headers = { Authorization: `Bearer ${String(body['access_token'])}` };
  const refused = await call(`${service.url}/api/v1/audit/events`, { headers });
  t.is(refused.status, 403);
  t.is(refused.body['code'], 'scope_insufficient');
  t.is((await call(`${service.url}/api/v1/audit/events`)).status, 401);

  const metrics = await call(`${service.adminUrl}/metrics`);
  t.regex(metrics.text, /^volwatch_audit_events_total\{action="refresh.rolled_back",outcome="failure"\} 1$/m);

  const sound = await verify(url);
  t.like(sound, { code: 0, stderr: '' });
  t.regex(sound.stdout, /^\d+ events in 6 streams, unbroken; the tables agree with them\n$/);
  await query(`do $$ begin
    set local session_replication_role = replica;
    update audit_event set actor_subject = 'somebody-else' where action = 'refresh.rolled_back';
  end $$`);
  const broken = await verify(url);
  t.is(broken.code, 1);
  t.regex(broken.stderr, /^refresh:tech5 event 5 \([0-9a-f-]{36}\): does not match its hash$/m);
});

test('without a database faults are still injected, and the log reports the missing audit event', async (t) => {
  const service = await serve(t, { ...settings, DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/none' });
  await setFault(service, 'pricing.engine', { mode: 'delay', delay_ms: 1 });
  const line = await service.logged(({ message }) => message === 'a fault change is missing in the audit trail');
  t.like(line, { level: 'error', fault_point: 'pricing.engine', code: 'database_unavailable' });
});
