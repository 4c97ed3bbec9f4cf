import test from 'ava';
import { Client } from 'pg';
import { createDatabase } from '#src/database/database.ts';
import { createServerConnections } from '#src/database/statements/server-connections.ts';
import { databaseSettings } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { recordMetrics } from '#testkit/metrics.ts';
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { statementOn } from '#testkit/servers/replica.ts';

const metric = 'volwatch_db_server_connections';

test('the gauge shows the connections of other programs too, for a role without rights to monitor', async (t) => {
  const { url } = await startOwnPostgres(t, {
    settings: { max_connections: '30', superuser_reserved_connections: '4' },
  });
  await statementOn(url, 'create role plain login');
  const own = url.replace('volwatch@', 'plain@');
  const metrics = recordMetrics();
  const database = await createDatabase({ ...databaseSettings(own), entities: [] });
  t.teardown(() => database.close());
  const collect = createServerConnections({ reader: database.reader, metrics });
  const used = async (): Promise<number> => {
    await collect();
    return metrics.value(metric, { state: 'used' });
  };
  const before = await used();
  t.true(before >= 1);
  t.is(metrics.value(metric, { state: 'max' }), 26);
  const others = Array.from({ length: 5 }, () => new Client({ connectionString: url }));
  await Promise.all(others.map((client) => client.connect()));
  await eventually(async () => (await used()) >= 6, 'the five connections are counted');
  await Promise.all(others.map((client) => client.end()));
  await eventually(async () => (await used()) <= 3, 'ended connections are not counted');
});
