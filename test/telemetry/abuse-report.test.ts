import test from 'ava';
import type { Logger } from '#src/kernel/ports/logger.ts';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createAbuseReport } from '#src/telemetry/logs/abuse-report.ts';
import { createAddressHash } from '#src/telemetry/logs/address-hash.ts';

const setup = () => {
  let now = 0;
  const lines: object[] = [];
  const counts: [string, number][] = [];
  const logger = { warn: (fields: object) => void lines.push(fields) } as unknown as Logger;
  const metrics = {
    ...noMetrics,
    count: (_: string, { kind }: { readonly kind?: string }, amount = 1) => void counts.push([kind ?? '', amount]),
  } as typeof noMetrics;
  const addressHash = createAddressHash();
  const report = createAbuseReport({
    metrics,
    logger,
    addressHash,
    clock: { now: () => new Date(now), monotonic: () => now },
  });
  return { report, lines, counts, addressHash, pass: (ms: number) => void (now += ms) };
};

test('each kind exists at 0 before anything was refused', (t) => {
  const { counts } = setup();
  t.true(counts.length > 10);
  t.true(counts.every(([, amount]) => amount === 0));
});

test('each refusal is counted, and each kind is logged once a minute with the addresses that have the most refusals', (t) => {
  const { report, lines, counts, addressHash, pass } = setup();
  const before = counts.length;
  for (let index = 0; index < 100; index++) report.refused('body_slow', index < 90 ? '10.0.0.1' : '10.0.0.2');
  report.refused('answer_slow', '10.0.0.3');
  t.is(counts.length - before, 101);
  t.is(lines.length, 2);
  pass(60_000);
  report.refused('body_slow', '10.0.0.2');
  t.deepEqual(lines.at(-1), {
    kind: 'body_slow',
    refused: 100,
    client_ip_hashes: [addressHash('10.0.0.1'), addressHash('10.0.0.2')],
  });
});

test('an address is not in the log', (t) => {
  const { report, lines } = setup();
  report.refused('login_throttled', '192.0.2.77');
  t.false(JSON.stringify(lines).includes('192.0.2.77'));
});
