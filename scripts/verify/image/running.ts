import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { eventually } from '#testkit/eventually.ts';
import { startOwnPostgres } from '#testkit/servers/own-postgres.ts';
import { startRedisServer } from '#testkit/servers/redis-server.ts';
import { podman, restricted, runOptions } from './podman.ts';

type Teardown = { readonly teardown: (end: () => unknown) => void };

/** The commands for operators in the image: each does its work on the database, or says why not. */
const runCommands = (runImage: (args: readonly string[]) => ReturnType<typeof podman>): void => {
  const expect = (args: readonly string[], status: number, output: RegExp): void => {
    const result = runImage(['volwatch', ...args]);
    assert.equal(result.status, status, `volwatch ${args.join(' ')}: ${result.stdout}${result.stderr}`);
    assert.match(result.stdout + result.stderr, output);
    console.log(`volwatch ${args.join(' ')}: status ${status}`);
  };
  expect(['db', 'verify'], 1, /Pending/);
  expect(['db', 'migrate'], 0, /Migrated: /);
  expect(['db', 'verify'], 0, /Schema and entities agree/);
  // The file of the grants is in the image.
  expect(['db', 'migrate', '--service-role', 'nobody-at-all'], 1, /does not exist/);
  expect(['client', 'create', 'image-check', '--scopes', 'ml:read'], 0, /client_secret/);
  expect(['client', 'list'], 0, /image-check/);
  expect(['audit'], 0, /unbroken/);
  expect(['audit', '--nonsense'], 64, /usage/);
  expect(['user', 'nonsense'], 64, /usage/);
  expect(['shell'], 64, /usage: volwatch/);
};

/** Runs the image read-only with a real PostgreSQL and Redis, as the chart does: first the migration, then the service. */
export const checkRunning = async (t: Teardown, image: string, commit: string): Promise<void> => {
  const { url: databaseUrl } = await startOwnPostgres(t);
  const { url: redisUrl } = await startRedisServer(t);
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const variables = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    JWT_PRIVATE_KEY: key.replaceAll('\n', '\\n'),
    DATABASE_MIGRATE: 'false',
    // Free ports, which the log names.
    PORT: '0',
    METRICS_PORT: '0',
    TELEMETRY_ENABLED: 'false',
    PRICING_WORKERS: '1',
    PRICING_LONG_WORKERS: '1',
  };
  const options = [
    ...runOptions,
    ...restricted,
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ];
  runCommands((args) => podman(['run', ...options, image, ...args]));

  const name = `volwatch-image-check-${process.pid}`;
  const service = spawn('podman', ['run', '--name', name, ...options, image], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => podman(['rm', '--force', '--ignore', '--time', '0', name]));
  let output = '';
  for (const stream of [service.stdout, service.stderr]) stream.on('data', (part) => void (output += String(part)));
  const ended = once(service, 'exit') as Promise<[number | null]>;
  const addressOf = (field: string): string | undefined =>
    new RegExp(`"${field}":"http://[^:"]+:(\\d+)".*"listening"`).exec(output)?.[1];
  await eventually(
    () => addressOf('admin_url') !== undefined,
    () => `the image listens: ${output}`,
    60_000,
  );
  const at = `http://127.0.0.1:${addressOf('url')}`;
  const isReady = async () => (await fetch(`${at}/health/ready`).catch(() => undefined))?.status === 200;
  await eventually(isReady, () => `the image is ready: ${output}`, 60_000);

  const priced = await fetch(`${at}/api/v1/pricing/price`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'black_scholes',
      spot: 100,
      strike: 100,
      rate: 0.03,
      volatility: 0.2,
      time_to_expiry: 1,
      option_type: 'call',
    }),
  });
  const answer = await priced.text();
  assert.equal(priced.status, 200, answer);
  console.log(`one price: ${answer.slice(0, 60)}`);
  const metrics = await (await fetch(`http://127.0.0.1:${addressOf('admin_url')}/metrics`)).text();
  assert.match(metrics, new RegExp(`volwatch_build_info\\{[^}]*${commit}`), 'the build info names the commit');

  podman(['kill', '--signal', 'TERM', name]);
  const [status] = await ended;
  assert.equal(status, 0, `SIGTERM ends the service with status 0: ${output}`);
  assert.match(output, /"stopped"/, 'the service has ended its work');
};
