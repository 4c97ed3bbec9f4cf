/**
 * Measures what each instrumentation costs for one operation, as processor time with it minus without any:
 * `npm run bench:instrumentations`. COUNT sets the operations of a round. The spans are recorded and not exported.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { instrumentationNames } from '#src/config/index.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import { median } from '#testkit/measures/statistics.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';

const count = process.env['COUNT'] ?? '2000';
const rounds = 3;
const ends: (() => unknown)[] = [];
const suite = { teardown: (end: () => unknown) => void ends.unshift(end) };

type Figures = Readonly<Record<string, number>>;

try {
  const postgres = await startTemporaryPostgres(suite, { name: 'bench', durable: true });
  const redis = await startRedisServer(suite);
  const work = [
    '--import',
    './src/telemetry/preload.ts',
    fileURLToPath(import.meta.resolve('./instrumentations/instrumented-work.ts')),
  ];
  const run = async (variables: Readonly<Record<string, string>>): Promise<Figures> => {
    const results: Figures[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const { stdout } = await promisify(execFile)(process.execPath, [...work, postgres.url, redis.url, count], {
        env: { PATH: process.env['PATH'], ...variables },
      });
      results.push(JSON.parse(stdout) as Figures);
    }
    return Object.fromEntries(
      Object.keys(results[0] ?? {}).map((name) => [name, median(results.map((result) => result[name] ?? 0))]),
    );
  };
  const none = await run({ OTEL_NODE_DISABLED_INSTRUMENTATIONS: instrumentationNames.join(',') });
  console.log('none', none);
  for (const name of instrumentationNames) {
    const figures = await run({ OTEL_NODE_ENABLED_INSTRUMENTATIONS: name });
    console.log(
      name,
      Object.fromEntries(Object.entries(figures).map(([operation, us]) => [operation, us - (none[operation] ?? 0)])),
    );
  }
} finally {
  for (const end of ends) await end();
}
