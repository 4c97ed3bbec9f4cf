import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { createKeptTraces } from '#src/telemetry/metrics/kept-traces.ts';

const maxHash = (1n << 64n) - 1n;

/** FNV-1a of 64 bits with one big number, as its definition reads. */
const hashOf = (traceId: string): bigint => {
  let hash = 0xcb_f2_9c_e4_84_22_23_25n;
  for (const byte of Buffer.concat([Buffer.from('default-hash-seed'), Buffer.from(traceId, 'hex')])) {
    hash = ((hash ^ BigInt(byte)) * 0x1_00_00_00_01_b3n) & maxHash;
  }
  return hash;
};

for (const percent of [0, 1, 10, 33, 50, 99]) {
  test(`the traces of ${percent} % are those with a hash in that share`, (t) => {
    const isKept = createKeptTraces({ percent, slowSeconds: 0.25 });
    for (let round = 0; round < 5_000; round += 1) {
      const traceId = randomBytes(16).toString('hex');
      const expected = hashOf(traceId) <= (maxHash * BigInt(percent)) / 100n;
      t.is(isKept(traceId, 0.01), expected, traceId);
      // The answer for the same trace is remembered.
      t.is(isKept(traceId, 0.02), expected, traceId);
    }
  });
}

test('slow traces are kept, and with 100 percent all of them', (t) => {
  const isKept = createKeptTraces({ percent: 0, slowSeconds: 0.25 });
  const traceId = randomBytes(16).toString('hex');
  t.deepEqual([isKept(traceId, 0.249), isKept(traceId, 0.25), isKept(traceId, 0.1)], [false, true, false]);
  t.true(createKeptTraces({ percent: 100, slowSeconds: 1 })(traceId, 0));
});

test('the Compose file tells the service what the Collector keeps', (t) => {
  type Policy = {
    readonly type: string;
    readonly latency?: { readonly threshold_ms: number };
    readonly probabilistic?: { readonly sampling_percentage: number; readonly hash_salt?: string };
  };
  const collector = parse(readFileSync('otel-collector.yaml', 'utf8')) as {
    readonly processors: { readonly tail_sampling: { readonly policies: readonly Policy[] } };
  };
  const { policies } = collector.processors.tail_sampling;
  const share = policies.find(({ type }) => type === 'probabilistic')?.probabilistic;
  t.is(share?.hash_salt, undefined);
  const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
    readonly services: Readonly<Record<string, { readonly environment: Readonly<Record<string, string>> }>>;
  };
  const { environment } = compose.services['volwatch-1']!;
  t.is(environment['TRACES_KEPT_PERCENT'], String(share?.sampling_percentage));
  t.is(
    environment['TRACES_KEPT_FROM_MS'],
    String(policies.find(({ type }) => type === 'latency')?.latency?.threshold_ms),
  );
});
