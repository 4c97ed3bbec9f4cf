import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../chaos/world.ts';
import type { CallerKind, StepCount } from './served.ts';

type Person = {
  readonly email: string;
  readonly password: string;
  readonly apiKey: string;
  readonly cookie: string;
  readonly csrfToken: string;
};

type Target = Pick<World, 'url' | 'token'>;
type Step = {
  readonly name: string;
  readonly caller: CallerKind;
  readonly run: () => Promise<{ readonly ok: boolean }>;
};

const timeoutMs = 15_000;
/** Access tokens are valid for longer. */
const renewMs = 480_000;
const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;

/** The people and the chunk that `prepareLoad` has written. */
const prepared = (file: string): { readonly people: readonly Person[]; readonly chunk: Buffer } => {
  const { people, chunkPath } = JSON.parse(readFileSync(file, 'utf8')) as { people: Person[]; chunkPath: string };
  return { people, chunk: readFileSync(chunkPath) };
};

/** One step of each kind, as the mix for k6 has them. They run in turn, so that each kind of caller calls all the time. */
const stepsOf = ({ url, token }: Target, people: readonly Person[], chunk: Buffer): readonly Step[] => {
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const isRaw = body instanceof Uint8Array;
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { ...(body !== undefined && !isRaw && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isRaw ? new Uint8Array(body) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    const isJson = response.ok && text !== '' && (response.headers.get('content-type') ?? '').includes('json');
    return { ok: response.ok, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
  };
  const tokens = new Map<string, { readonly value: string; readonly takenAt: number }>();
  const signIn = async ({ email, password }: Person): Promise<string> => {
    const { body } = await send('POST', '/auth/login', { email, password });
    const value = String(body['access_token']);
    tokens.set(email, { value, takenAt: performance.now() });
    return value;
  };
  const asUser = async (): Promise<Record<string, string>> => {
    const person = oneOf(people);
    const known = tokens.get(person.email);
    const isFresh = known !== undefined && performance.now() - known.takenAt < renewMs;
    return { authorization: `Bearer ${isFresh ? known.value : await signIn(person)}` };
  };
  const asClient = async () => ({ authorization: `Bearer ${await token()}` });
  const asSession = ({ cookie }: Person) => ({ cookie, 'sec-fetch-site': 'same-origin' });
  const batch = (rows: number) =>
    send('POST', '/pricing/batch', { options: Array.from({ length: rows }, () => option) });
  const pricingJob = async () => {
    const headers = await asClient();
    const opened = await send('POST', '/pricing/jobs', {}, { ...headers, 'idempotency-key': `soak-${randomUUID()}` });
    if (!opened.ok) return opened;
    const path = `/pricing/jobs/${String(opened.body['id'])}`;
    const type = { 'content-type': 'application/vnd.apache.arrow.stream' };
    await send('PUT', `${path}/chunks/1`, chunk, { ...headers, ...type });
    // It is not deleted, because the retention must remove it.
    return send('POST', `${path}/submit`, undefined, headers);
  };
  const publicStep = (name: string, run: Step['run']): Step => ({ name, caller: 'public', run });
  return [
    publicStep('price', () => send('POST', '/pricing/price', option)),
    publicStep('asset', () => send('GET', `/assets/${oneOf(['MSFT', 'AAPL', 'IBM'])}`)),
    { name: 'profile by token', caller: 'token', run: async () => send('GET', '/profile', undefined, await asUser()) },
    publicStep('greeks', () => send('POST', '/pricing/greeks', option)),
    {
      name: 'caller by API key',
      caller: 'api_key',
      run: () => send('GET', '/auth/me', undefined, { 'x-api-key': oneOf(people).apiKey }),
    },
    publicStep('batch of 100', () => batch(100)),
    {
      name: 'profile by session',
      caller: 'session',
      run: () => send('GET', '/profile', undefined, asSession(oneOf(people))),
    },
    publicStep('index values', () => send('GET', '/indexes/TECH5_EW/values?limit=100')),
    {
      name: 'refresh',
      caller: 'client',
      run: async () => send('POST', '/refreshes', { universe: 'tech5' }, await asClient()),
    },
    publicStep('prices', () => send('GET', '/assets/AAPL/prices?limit=50')),
    {
      name: 'settings by token',
      caller: 'token',
      run: async () =>
        send(
          'PATCH',
          '/settings',
          { decimal_places: Math.floor(Math.random() * 7) },
          { ...(await asUser()), 'if-match': '*' },
        ),
    },
    publicStep('batch of 1,000', () => batch(1_000)),
    { name: 'pricing job', caller: 'client', run: pricingJob },
    {
      name: 'calendar events',
      caller: 'token',
      run: async () => send('GET', '/calendar/events?limit=20', undefined, await asUser()),
    },
    {
      name: 'settings by session',
      caller: 'session',
      run: () => {
        const person = oneOf(people);
        const headers = { ...asSession(person), 'x-csrf-token': person.csrfToken, 'if-match': '*' };
        return send('PATCH', '/settings', { theme: oneOf(['dark', 'light']) }, headers);
      },
    },
    publicStep('sign-in', async () => ({ ok: (await signIn(oneOf(people))) !== 'undefined' })),
    {
      name: 'calendar sync',
      caller: 'token',
      run: async () => send('POST', '/calendar/sync/auto', undefined, await asUser()),
    },
    {
      name: 'forecast',
      caller: 'client',
      run: async () =>
        send(
          'POST',
          '/ml/volatility-forecast',
          { symbol: '^GSPC', method: 'ewma', horizon_days: 21 },
          await asClient(),
        ),
    },
  ];
};

export type Traffic = {
  /** By the name of the step. */
  readonly counts: ReadonlyMap<string, StepCount>;
  readonly stop: () => Promise<void>;
};

/** Starts a step `perSecond` times a second, whatever the answers are. During a fault steps fail. */
export const startTraffic = (target: Target, file: string, perSecond: number): Traffic => {
  const { people, chunk } = prepared(file);
  const steps = stepsOf(target, people, chunk);
  const counts = new Map(steps.map(({ name, caller }) => [name, { caller, ok: 0, failed: 0 }]));
  const open = new Set<Promise<void>>();
  const stopped = new AbortController();
  const perform = async ({ name, run }: Step): Promise<void> => {
    const isOk = await run().then(
      ({ ok }) => ok,
      () => false,
    );
    counts.get(name)![isOk ? 'ok' : 'failed'] += 1;
  };
  const loop = (async () => {
    for (let turn = 0; !stopped.signal.aborted; turn += 1) {
      const one = perform(steps[turn % steps.length]!);
      open.add(one);
      void one.finally(() => open.delete(one));
      await sleep(1_000 / perSecond, undefined, { signal: stopped.signal }).catch(() => {});
    }
  })();
  return {
    counts,
    stop: async () => {
      stopped.abort();
      await loop;
      await Promise.all(open);
    },
  };
};
