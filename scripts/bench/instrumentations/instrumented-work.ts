/**
 * Run by bench-instrumentations.ts with `--import ./src/telemetry/preload.ts`. Prints the processor time of one
 * operation of each kind in microseconds, as JSON. Each operation is in a span that is recorded.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { trace } from '@opentelemetry/api';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { request } from 'undici';

const [databaseUrl, redisUrl = '', count = '2000'] = process.argv.slice(2);
const pool = new Pool({ connectionString: databaseUrl, max: 1 });
const redis = new Redis(redisUrl);
const server = createServer((_, response) => response.end());
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
const { port } = server.address() as AddressInfo;

const operations = {
  'PostgreSQL statement': async () => void (await pool.query('select $1::int', [1])),
  'Redis command': async () => void (await redis.get('key')),
  'HTTP request to a provider': async () => {
    const { body } = await request(`http://127.0.0.1:${port}/`);
    await body.dump();
  },
  'new connection by name': async () => {
    const client = new Redis(port, 'localhost', {
      lazyConnect: true,
      retryStrategy: () => null,
      enableReadyCheck: false,
    });
    client.on('error', () => {});
    await client.connect().catch(() => {});
    client.disconnect();
  },
};

const measure = async (work: () => Promise<void>, rounds: number): Promise<number> => {
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) {
    await trace.getTracer('bench').startActiveSpan('work', async (span) => {
      await work();
      span.end();
    });
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / rounds;
};

const figures: Record<string, number> = {};
for (const [name, work] of Object.entries(operations)) {
  await measure(work, Number(count) / 4);
  figures[name] = await measure(work, Number(count));
}
process.stdout.write(JSON.stringify(figures), () => process.exit(0));
