import { gzipSync } from 'node:zlib';
import { Agent } from 'undici';
import type { CallerOrder, CallerSample } from './good-caller.ts';
import type { Person } from './people.ts';

/**
 * A caller without abuse. It has its own process, so that the work of the attackers does not count as latency. Requests
 * start at fixed times, even if earlier requests have no answer yet.
 */
const url = process.argv[2]!;
/** Each address stays below the limit of one address, which is 100 requests per minute. */
const addresses = Array.from({ length: 10 }, (_, number) => `203.0.113.${number + 1}`);
const singleEveryMs = 100;
const singlesPerBatch = 5;
const singlesPerAccountRequest = 5;
const timeoutMs = 5_000;

const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };
const single = JSON.stringify(option);
const batch = JSON.stringify({
  options: Array.from({ length: 1_000 }, (_, row) => ({ ...option, strike: 80 + row / 20 })),
});
const dispatcher = new Agent({ connections: 64 });
let sent = 0;

type Request = Readonly<{
  method: 'GET' | 'POST';
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string | Buffer;
}>;

const call = async (kind: CallerSample['kind'], request: Request): Promise<unknown> => {
  const start = performance.now();
  let status = 0;
  let detail: string | undefined;
  let value: unknown;
  try {
    const response = await dispatcher.request({
      origin: url,
      ...request,
      path: `/api/v1${request.path}`,
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.statusCode !== 200) ({ detail } = (await response.body.json()) as { readonly detail?: string });
    else if (kind === 'account') value = await response.body.json();
    else await response.body.dump({ limit: 10_000_000 });
    status = response.statusCode;
  } catch {
    // There is no answer, so the status stays 0.
  }
  process.send?.({ kind, status, ms: performance.now() - start, ...(detail && { detail }) } satisfies CallerSample);
  return value;
};

const jsonFrom = (address: string): Record<string, string> => ({
  'content-type': 'application/json',
  'x-forwarded-for': address,
});

type Priced = Required<Pick<Request, 'path' | 'body'>> & Partial<Pick<Request, 'headers'>>;

const price = async (kind: 'single' | 'batch', { path, body, headers: own }: Priced): Promise<void> => {
  const headers = { ...jsonFrom(addresses[sent % addresses.length]!), ...own };
  sent += 1;
  await call(kind, { method: 'POST', path, headers, body });
};

const singlePrice: Priced = { path: '/pricing/price', body: single };
const plainBatch: Priced = { path: '/pricing/batch', body: batch };
const gzipBatch: Priced = { path: '/pricing/batch', body: gzipSync(batch), headers: { 'content-encoding': 'gzip' } };

/** The people sign in and read what is theirs, one after the other. */
let people: Person[] = [];
const reads = ['/profile', '/settings', '/account/sessions', '/api-keys'];
let turnsOfPeople = 0;
const useAccount = async (): Promise<void> => {
  if (people.length === 0) return;
  const index = turnsOfPeople % people.length;
  const person = people[index]!;
  const step = Math.floor(turnsOfPeople / people.length) % (reads.length + 1);
  turnsOfPeople += 1;
  const path = reads[step];
  if (path !== undefined) {
    const headers = { 'x-forwarded-for': person.address, authorization: `Bearer ${person.token}` };
    await call('account', { method: 'GET', path, headers });
    return;
  }
  const body = JSON.stringify({ email: person.email, password: person.password });
  const answer = await call('account', {
    method: 'POST',
    path: '/auth/login',
    headers: jsonFrom(person.address),
    body,
  });
  const { access_token: token } = (answer ?? {}) as { readonly access_token?: string };
  if (token !== undefined) people[index] = { ...person, token };
};

let timer: NodeJS.Timeout | undefined;
const open = new Set<Promise<void>>();
const begin = (work: Promise<void>): void => {
  const done = work.finally(() => open.delete(done));
  open.add(done);
};
process.on('message', (message: CallerOrder) => {
  clearInterval(timer);
  timer = undefined;
  if (message.order === 'stop') {
    // Open requests also count. Each one ends at the latest after its own timeout.
    void Promise.all(open).then(() => process.send?.('done'));
    return;
  }
  // Later sign-ins have newer tokens than those that the parent process knows.
  if (people.length === 0) people = [...message.people];
  let turn = 0;
  timer = setInterval(() => {
    begin(price('single', singlePrice));
    // Every second batch is compressed.
    if (turn % singlesPerBatch === 0)
      begin(price('batch', turn % (2 * singlesPerBatch) === 0 ? gzipBatch : plainBatch));
    if (turn % singlesPerAccountRequest === 2) begin(useAccount());
    turn += 1;
  }, singleEveryMs);
});
// The parent process has ended, so the samples have no receiver.
process.on('disconnect', () => process.exit());
