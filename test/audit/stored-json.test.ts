import test from 'ava';
import fc from 'fast-check';
import { storedJson } from '#src/audit/stored-json.ts';
import { chainedHash, genesisHash, type EventContent } from '#src/audit/event-content.ts';
import type { Json } from '#src/kernel/ports/audit.ts';

/**
 * Any JSON that PostgreSQL's jsonb can store: without NUL and lone surrogates (fast-check generates no lone
 * surrogates).
 */
const anyJson = fc
  .jsonValue({ maxDepth: 4, stringUnit: 'grapheme' })
  .filter((value) => !JSON.stringify(value).includes('\\u0000'));

const shuffled = (value: Json): Json => {
  if (Array.isArray(value)) return value.map((item: Json) => shuffled(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, shuffled(member)]),
  );
};

test('the canonical text is JSON of the same value, for any order of the members', (t) => {
  fc.assert(
    fc.property(anyJson, (value) => {
      const json = value as Json;
      const text = storedJson(json);
      t.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(json)));
      t.is(storedJson(shuffled(json)), text);
      t.is(storedJson(JSON.parse(text) as Json), text);
    }),
  );
});

test('similar but different values have different texts', (t) => {
  t.not(storedJson(['1']), storedJson([1]));
  t.not(storedJson({ a: null }), storedJson({}));
  t.not(storedJson([[1], 2]), storedJson([1, [2]]));
});

test('the example of RFC 8785', (t) => {
  const input = {
    numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000f\nA\'B"\\\\"/',
    literals: [null, true, false],
  };
  t.is(
    storedJson(input),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  t.is(
    storedJson({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, ö: 7 }),
    '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}',
  );
  t.is(storedJson(-0), '0');
});

for (const [what, value] of [
  ['NaN', Number.NaN],
  ['an infinity', Number.NEGATIVE_INFINITY],
  ['NUL', 'a\0b'],
  ['a lone surrogate', 'a\ud800'],
  ['NUL in a name', { 'a\0': 1 }],
] as const) {
  test(`storedJson refuses ${what}`, (t) => {
    t.throws(() => storedJson([value]));
  });
}

test('every member of an event changes its hash', (t) => {
  const event: EventContent = {
    id: '01900000-0000-7000-8000-000000000000',
    stream: 'refresh:tech5',
    action: 'refresh.failed',
    outcome: 'failure',
    actor: { kind: 'user', subject: 'one' },
    target: 'target',
    reason: 'internal_error',
    request_id: 'request',
    trace_id: 'trace',
    occurred_at: '2026-01-01T00:00:00.000Z',
    data: { a: 1 },
  };
  const others: readonly EventContent[] = [
    { ...event, id: '01900000-0000-7000-8000-000000000001' },
    { ...event, stream: 'refresh:sp500' },
    { ...event, action: 'refresh.succeeded' },
    { ...event, outcome: 'success' },
    { ...event, actor: { kind: 'client', subject: 'one' } },
    { ...event, actor: { kind: 'user', subject: 'two' } },
    { ...event, target: 'other' },
    { ...event, reason: null },
    { ...event, request_id: null },
    { ...event, trace_id: null },
    { ...event, occurred_at: '2026-01-01T00:00:00.001Z' },
    { ...event, data: { a: 2 } },
  ];
  const hashes = [event, ...others].map((content) => chainedHash(genesisHash, content));
  hashes.push(chainedHash('11'.repeat(32), event));
  t.is(new Set(hashes).size, Object.keys(event).length + 3);
});
