import { SpanStatusCode } from '@opentelemetry/api';
import test from 'ava';
import { createDatabase } from '#src/database/database.ts';
import { createTcpProxy } from '#testkit/servers/tcp-proxy.ts';
import { databaseSettings, setupDatabase } from '#testkit/database.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { captureSpans } from '#testkit/spans.ts';

const name = 'volwatch_db_maintenance_duration_seconds';

test.serial(
  'the start and a health probe are measured, also when the database is gone; a probe has no span',
  async (t) => {
    const spans = captureSpans(t);
    const { url } = await setupDatabase(t);
    const address = new URL(url);
    const proxy = await createTcpProxy({ target: { host: address.hostname, port: Number(address.port) } });
    t.teardown(proxy.close);
    address.port = String(proxy.port);
    const metrics = recordMetrics();
    const database = await createDatabase({ ...databaseSettings(address.href), metrics });
    t.teardown(() => database.close());
    const { signal } = new AbortController();

    await database.waitUntilReady({ signal });
    t.like(await database.healthCheck.check(signal), { status: 'up' });
    for (const operation of ['check_server', 'migrate', 'check_schema', 'probe_health']) {
      t.is(metrics.value(name, { operation, outcome: 'ok' }), 1, operation);
    }
    t.is(metrics.value(name, { outcome: 'failed' }), 0);
    const own = spans.all().filter(({ name: each }) => each.startsWith('db.') && !each.startsWith('db.transaction'));
    t.deepEqual(own.map(({ name: each }) => each).toSorted(), ['db.check_schema', 'db.check_server', 'db.migrate']);

    proxy.cut();
    spans.reset();
    t.like(await database.healthCheck.check(signal), { status: 'down' });
    t.is(metrics.value(name, { operation: 'probe_health', outcome: 'failed' }), 1);
    await t.throwsAsync(database.migrator.up());
    t.is(metrics.value(name, { operation: 'migrate', outcome: 'failed' }), 1);
    const [failed, ...others] = spans.all();
    t.deepEqual(others, []);
    t.is(failed?.name, 'db.migrate');
    t.is(failed?.attributes['error.type'], 'database_unavailable');
    t.is(failed?.status.code, SpanStatusCode.ERROR);
  },
);
