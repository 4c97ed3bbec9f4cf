import test from 'ava';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { assertFetched } from '#src/market-data/providers/provider.ts';
import { tiingoKey, type TiingoFault } from '#testkit/servers/providers/tiingo-server.ts';
import { setup, universe } from './setup.ts';

const first = (change: (bar: Record<string, unknown>) => void): TiingoFault => ({
  kind: 'change',
  change: (bars) => {
    change(bars[0]!);
    return bars;
  },
});

const nested: unknown = JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`);
const badAnswers: Readonly<Record<string, TiingoFault>> = {
  'status 500': { kind: 'status', status: 500 },
  'a refused key': { kind: 'status', status: 403 },
  'a redirect': { kind: 'status', status: 302 },
  'an unknown symbol': { kind: 'status', status: 404 },
  'a reset in the middle of the body': { kind: 'reset' },
  'a truncated body': { kind: 'truncated' },
  'something other than JSON': { kind: 'not_json' },
  null: { kind: 'change', change: () => null },
  'an object': { kind: 'change', change: () => ({ detail: 'Error' }) },
  'a list of texts': { kind: 'change', change: () => ['Error'] },
  'no prices': { kind: 'change', change: () => [] },
  'a price null': first((bar) => (bar['close'] = null)),
  'a price as a text': first((bar) => (bar['close'] = '51.5')),
  'a close 0': first((bar) => (bar['close'] = 0)),
  'a negative high': first((bar) => (bar['high'] = -1)),
  'an infinite price': first((bar) => (bar['close'] = 1e300)),
  'no split factor': first((bar) => delete bar['splitFactor']),
  'a split factor 0': first((bar) => (bar['splitFactor'] = 0)),
  'a split factor that no share has had': first((bar) => (bar['splitFactor'] = 1e12)),
  'no dividend': first((bar) => delete bar['divCash']),
  'a negative dividend': first((bar) => (bar['divCash'] = -1)),
  'a time of day': first((bar) => (bar['date'] = '2000-01-03T14:30:00.000Z')),
  'a date that does not exist': first((bar) => (bar['date'] = '2000-02-30T00:00:00.000Z')),
  'a price from the future': first((bar) => (bar['date'] = '2999-01-04T00:00:00.000Z')),
  '200,000 empty objects': { kind: 'change', change: () => Array.from({ length: 200_000 }, () => ({})) },
  'as many wrong bars as a share can have': {
    kind: 'change',
    change: () => Array.from({ length: 50_000 }, () => ({})),
  },
  'many levels': { kind: 'change', change: () => nested },
  'two prices for one day': { kind: 'change', change: (bars) => [...bars, bars[0]] },
};

for (const [name, fault] of Object.entries(badAnswers)) {
  test(`refused as a bad response: ${name}`, async (t) => {
    const { server, fetch, provider } = await setup(t);
    server.fault = fault;
    const error = await t.throwsAsync(
      fetch().then((fetched) => assertFetched(universe, fetched)),
      {
        instanceOf: AppError,
        code: 'external_api_bad_response',
      },
    );
    t.false(error.message.includes(tiingoKey));
    // What only `assertFetched` refuses is no failure of the fetch.
    const { status } = await provider.healthCheck.check(AbortSignal.timeout(100));
    t.true(status === 'degraded' || status === 'up');
    server.fault = undefined;
    await t.notThrowsAsync(async () => assertFetched(universe, await fetch()));
  });
}
