import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { memoryBytesOf } from '#testkit/measures/processes.ts';
import type { Service } from '#testkit/service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { generousRateLimits } from '#testkit/rate-limits.ts';
import { startSlowReader } from '#testkit/slow-reader.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, metric, option, scrape, serve } from '#testkit/running-service.ts';

const megabyte = 2 ** 20;
/** A small form: `npm run attack` has the full one, with 40 connections at once and the default limits. */
const sockets = 12;
const graceMs = 4_000;
const backlogBytes = 48 * megabyte;

/** Many outputs of a closed-form model: 14 MB of answer, more than the kernel buffers for a connection. */
const maxBatchRows = JSON.stringify({
  columns: { ...option, strike: Array.from({ length: 70_000 }, (_, index) => 50 + (index % 100)) },
  outputs: ['price', 'delta', 'gamma', 'vega', 'theta', 'rho', 'vanna', 'volga', 'charm', 'speed', 'zomma', 'color'],
});

const requestFrom = (address: string): string =>
  [
    'POST /api/v1/pricing/batch HTTP/1.1',
    'Host: a',
    'Content-Type: application/json',
    `X-Forwarded-For: ${address}`,
    `Content-Length: ${maxBatchRows.length}`,
    '',
    maxBatchRows,
  ].join('\r\n');

/** Single prices and batches of another caller, one after the other. @returns ends it */
const startOtherCaller = (service: Service) => {
  const over = new AbortController();
  const counts = { asked: 0, served: 0 };
  const headers = { 'X-Forwarded-For': '203.0.113.7' };
  const rows = Array.from({ length: 200 }, () => option);
  const ended = (async () => {
    while (!over.signal.aborted) {
      for (const { status } of [
        await call(`${service.url}/api/v1/pricing/price`, json(option, headers)),
        await call(`${service.url}/api/v1/pricing/batch`, json({ options: rows }, headers)),
      ]) {
        counts.asked += 1;
        if (status === 200) counts.served += 1;
      }
      // The pause of the other caller between its requests.
      await sleep(100);
    }
  })();
  return async () => {
    over.abort();
    await ended;
    return counts;
  };
};

test('clients that do not read large batches, at 1 and at 12 addresses, are cut; others are served; memory stays bounded', async (t) => {
  t.timeout(400_000);
  const database = await setupDatabase(t);
  const service = await serve(t, {
    ...generousRateLimits,
    NODE_ENV: 'production',
    FAULT_INJECTION: undefined,
    DATABASE_URL: database.url,
    REDIS_URL: 'redis://127.0.0.1:1',
    TRUSTED_PROXIES: '127.0.0.1',
    PRICING_WORKERS: '1',
    // The limits before this one stay out of its way.
    LOAD_LAG_MS: '60000',
    LOAD_LIMIT_BATCH: '100',
    PRICING_QUEUE_LIMIT: '100',
    REQUEST_DEADLINE_MS: '200000',
    ANSWER_GRACE_MS: String(graceMs),
    ANSWER_BACKLOG_BYTES: String(backlogBytes),
    ANSWER_BACKLOG_BYTES_BY_CALLER: String(backlogBytes / 2),
  });
  await service.ready();
  const port = Number(new URL(service.url).port);
  // The memory of the worker is there before the attack.
  const first = startSlowReader(port, requestFrom('192.0.2.1'));
  t.is(await first.status, 200);
  first.socket.destroy();
  const before = memoryBytesOf(service.pid);
  const cuts = async (): Promise<number> => metric(await scrape(service), 'volwatch_http_answers_cut_total');

  for (const addresses of [1, sockets]) {
    const cutBefore = await cuts();
    let peak = before;
    let outstanding = 0;
    const watching = setInterval(() => (peak = Math.max(peak, memoryBytesOf(service.pid))), 100);
    t.teardown(() => clearInterval(watching));
    const readers = Array.from({ length: sockets }, (_, index) =>
      startSlowReader(port, requestFrom(`198.51.100.${index % addresses}`)),
    );
    t.teardown(() => readers.forEach(({ socket }) => socket.destroy()));
    const endOtherCaller = startOtherCaller(service);

    const statuses = await Promise.all(readers.map(({ status }) => status));
    const accepted = statuses.filter((status) => status === 200).length;
    await eventually(
      async () => {
        outstanding = metric(await scrape(service), 'volwatch_http_answer_bytes_outstanding');
        t.true(outstanding <= backlogBytes, String(outstanding));
        return outstanding === 0 && (await cuts()) === cutBefore + accepted;
      },
      'every connection is cut',
      5 * graceMs,
    );
    const { asked, served } = await endOtherCaller();
    clearInterval(watching);
    // A client that does not read learns of the end when it reads.
    for (const { socket } of readers) socket.resume();
    await Promise.all(readers.map(({ closed }) => closed));

    const inMegabytes = {
      before: before / megabyte,
      peak: peak / megabyte,
      after: memoryBytesOf(service.pid) / megabyte,
    };
    t.log({ addresses, accepted, refused: sockets - accepted, asked, served, ...inMegabytes });
    t.true(accepted > 0);
    if (addresses === 1) t.true(accepted < sockets, 'one address has no more than its share');
    t.true(asked > 0);
    t.is(served, asked, 'another caller is served meanwhile');
    // The backlog is a part; answers that are refused when they are ready, and garbage, are the rest.
    t.true(peak - before < 450 * megabyte, `${(peak - before) / megabyte} MB more than before`);
  }
  // The rest is what the allocator keeps for the worker.
  await eventually(
    () => memoryBytesOf(service.pid) < before + 200 * megabyte,
    () => `the memory goes back: ${memoryBytesOf(service.pid) / megabyte} MB resident, ${before / megabyte} before`,
    60_000,
  );
  const text = await scrape(service);
  t.true(metric(text, 'volwatch_abuse_refused_total', { kind: 'answer_slow' }) > 0);
  t.true(metric(text, 'volwatch_abuse_refused_total', { kind: 'answer_backlog' }) > 0);
  t.is(metric(text, 'volwatch_workers_restarts_total'), 0);
  t.is(service.process.exitCode, null);
});
