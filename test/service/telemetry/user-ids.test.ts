import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { nextExport } from '#testkit/otlp/next-export.ts';
import { call, json, price, scrape, serve, takeToken } from '#testkit/running-service.ts';
import { startOtlpReceiver } from '#testkit/servers/otlp-receiver.ts';

test('the id of a user leaves through no log line, span or metric, and the audit trail has it', async (t) => {
  const database = await setupDatabase(t);
  const collector = await startOtlpReceiver(t);
  const service = await serve(t, {
    DATABASE_URL: database.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_METRIC_EXPORT_INTERVAL: '1000',
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/json',
    LOG_LEVEL: 'debug',
  });
  await service.logged(({ message }) => message === 'started');
  const token = await takeToken(service);
  const api = `${service.url}/api/v1`;
  const ada = { email: 'ada-of-logs@example.org', password: 'a sentence that nobody guesses' };
  t.is((await call(`${api}/auth/register`, json(ada))).status, 202);
  const login = await call(`${api}/auth/login`, json(ada));
  t.is(login.status, 200);
  const [found] = await database.query('select id from user_account where email = $1', [ada.email]);
  const id = String(found?.['id']);
  const admin = { headers: { Authorization: `Bearer ${token}` } };
  const user = await call(`${api}/users/${id}`, admin);
  t.is(user.status, 200, user.text);
  const before = service.log.length;
  t.is((await call(`${api}/users/${id.toUpperCase()}/sessions/revoke`, { method: 'POST', ...admin })).status, 200);
  t.is((await call(`${api}/users/${id}/no-such-thing`, admin)).status, 404);
  await call(`${api}/auth/logout`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${String(login.body['access_token'])}` },
  });
  const last = await price(service);
  await collector.received(last.headers.get('x-trace-id')!);
  const paths = service.log.slice(before).map(({ path }) => path);
  t.true(paths.includes('/api/v1/users/{id}/sessions/revoke'), JSON.stringify(paths));
  const lines = (): string => Buffer.concat(collector.ofSignal('logs')).toString('latin1');
  await eventually(() => lines().includes(last.headers.get('x-request-id')!), 'the last line over OTLP');
  // This export contains what all requests above have counted.
  t.true((await nextExport(collector, Date.now())).length > 0);
  const spans = collector.bytes().toString('latin1');
  t.true(lines().includes('/api/v1/users/{id}/sessions/revoke'), 'lines leave over OTLP');
  t.true(spans.includes('/api/v1/users/{id}/sessions/revoke') && spans.includes('audit.recorded'));
  const places = { log: JSON.stringify(service.log), stderr: service.stderr(), spans, metrics: await scrape(service) };
  for (const [place, text] of Object.entries(places)) t.false(text.toLowerCase().includes(id), place);
  const events = await database.query('select 1 from audit_event where stream = $1', [`user:${id}`]);
  t.true(events.length >= 2, 'the audit trail names the user');
});
