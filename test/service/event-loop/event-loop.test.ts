import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, takeToken } from '#testkit/running-service.ts';
import { startGoogleServer } from '#testkit/servers/google-server.ts';
import { connectCalendar } from '../../../scripts/verify/traffic.ts';
import type { Document } from '../../http/fuzz/requests.ts';
import { serveProduction } from '../attacks/production.ts';
import { baseRequests } from '../inputs/base-request.ts';
import { answerable, authorizationFor, createCallers } from '../inputs/callers.ts';
import type { DeclaredOperation } from '../inputs/declared-inputs.ts';
import { hostileRequest, type HostileRequest } from '../inputs/hostile-request.ts';
import { createSender, type Received } from '../inputs/send.ts';
import { fullRequests } from './full-requests.ts';
import { storeLists, storeMarket } from './large-data.ts';
import { largestRequests } from './largest-requests.ts';
import { measuredOperations } from './measured-operations.ts';
import { refusedRequests } from './refused-requests.ts';
import type { Turns } from './turn-sampler.ts';
import { createTurnSampler } from './turns.ts';

/** Max processor time of a turn of the event loop, in milliseconds. */
const usualBoundMs = 10;
/** The first runs of code take longer, because the engine has not compiled it yet. */
const runs = 5;
/** Milliseconds of the fixed work of the sampler on the machine of the bounds. A slower machine has larger bounds. */
const referenceMs = 2.2;

/** 20 errors with a pointer of 400 characters each, that are escaped as JSON. */
const maxProblemCharacters = 65_536;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const medianTurn = (turns: readonly Turns[]): Turns =>
  turns.toSorted((a, b) => a.longestMs - b.longestMs)[Math.floor(turns.length / 2)]!;

/** The values of the indexes come from an upload, and other operations need what the deletions delete. */
const turnOf = ({ method, path }: DeclaredOperation): number =>
  method === 'DELETE' ? 2 : path === '/api/v1/universes/{name}/prices' ? 0 : 1;

type Figure = {
  readonly name: string;
  /**
   * `first` finds a caller and values that the route accepts; `full` has what each route must bear; `refused` has as many faults
   * as fit.
   */
  readonly variant: string;
  readonly ms: number;
  /** The garbage collections in that turn. */
  readonly collections: Turns['collections'];
  readonly status: number;
  readonly text: string;
};

const textOf = ({ ms, isWhole }: Figure['collections'][number]): string =>
  `${isWhole ? 'whole' : 'part'} ${ms.toFixed(1)} ms`;

/** The largest request of a route is the documented one if no part of it can grow. */
const isLargest = ({ name, variant }: Figure): boolean => {
  const { requests, once } = largestRequests[name]!;
  return variant.startsWith(requests.length > 0 ? 'largest' : once === true ? 'first' : 'good');
};

/** What finds a caller has several requests. It is a measurement only if its effect cannot be repeated. */
const isMeasured = ({ name, variant }: Figure): boolean => variant !== 'first' || largestRequests[name]!.once === true;

test('no route works for longer than its bound, usually 10 ms of processor time, in a turn of the event loop', async (t) => {
  t.timeout(300_000);
  const began = performance.now();
  const lap = (what: string) => t.log(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const database = await setupDatabase(t);
  await storeMarket(database);
  lap('market');
  const google = await startGoogleServer(t);
  const sampler = createTurnSampler(t);
  const service = await serveProduction(
    t,
    database,
    {
      ...google.environment,
      ...sampler.environment,
      // No server listens there: messages wait.
      SMTP_URL: 'smtp://127.0.0.1:9',
      MAIL_FROM: 'volwatch@example.org',
      PASSWORD_HASH_MEMORY_KIB: '7168',
      PASSWORD_HASH_PASSES: '1',
      UPLOADS_LIMIT: '100',
      WEBHOOKS_PER_OWNER: '1000',
      API_KEYS_PER_OWNER: '1000',
      CREATIONS_PER_OWNER_PER_DAY: '1000000',
      REFRESHES_PER_OWNER_PER_DAY: '1000000',
      // In production a sample of the large answers is validated. Here each of them is.
      RESPONSE_VALIDATION_PERCENT: '100',
      RATE_LIMIT_ACCOUNT_ATTEMPTS: '100000',
      RATE_LIMIT_ACCOUNT_ATTEMPTS_ELSEWHERE: '100000',
    },
    { startTimeoutMs: 120_000 },
  );
  await service.ready();
  await service.logged(({ message }) => message === 'started', 120_000);
  const isLoaded = async () => (await call(`${service.url}/api/v1/assets/AAPL`)).status === 200;
  await eventually(isLoaded, 'the sample data are loaded', 60_000);
  lap('ready');
  const { send, close } = createSender(service.url);
  t.teardown(close);
  const callers = await createCallers(service, database);
  await connectCalendar({ service, google }, await takeToken(service));
  await storeLists(database);
  lap('stored');
  const document = (await call(`${service.url}/openapi.json`)).body as unknown as Document;
  // Deletions are last, because other operations need what they delete.
  const operations = measuredOperations(t, document).toSorted((one, other) => turnOf(one) - turnOf(other));
  const names = operations.map(({ method, path }) => `${method} ${path}`);

  const figures: Figure[] = [];
  const fixedWork: number[] = [];
  const factorNow = (): number => Math.max(1, median(fixedWork) / referenceMs);
  const measure = async (operation: DeclaredOperation, name: string): Promise<void> => {
    const { requests, once, boundMs = usualBoundMs } = largestRequests[name]!;
    await sampler.read();
    const { caller, known, received: first } = await answerable(operation, operations, { document, send, callers });
    const { longestMs: firstMs, collections: firstCollections } = await sampler.read();
    figures.push({ name, variant: 'first', ms: firstMs, collections: firstCollections, ...first });
    const authorization = await authorizationFor(operation, caller);
    const [base] = baseRequests(operation, document, known);
    const good = hostileRequest(operation.path, base);
    const variants: (readonly [string, HostileRequest])[] = [
      ...fullRequests(good, base).map((request, each) => [`full ${each}`, request] as const),
      ...refusedRequests(good, base).map((request, each) => [`refused ${each}`, request] as const),
      ['good', good],
      ...requests.map((change, each) => [`largest ${each}`, change(good)] as const),
    ];
    for (const [variant, request] of variants) {
      const longest: Turns[] = [];
      const answers: Received[] = [];
      await sampler.read();
      const wanted = once === true ? 1 : runs;
      // If most runs are within the bound, so is their median.
      while (
        longest.length < wanted &&
        longest.filter(({ longestMs }) => longestMs <= boundMs * factorNow()).length <= wanted / 2
      ) {
        const isAnswered = async (): Promise<boolean> => {
          const headers = { ...authorization, ...request.headers };
          const received = await send(operation.method, { ...request, headers });
          answers.push(received);
          // The refresh of the request before may still run.
          return received.status !== 409 || !received.text.includes('refresh_in_progress');
        };
        await eventually(isAnswered, `${name} is answered`, 30_000);
        const turns = await sampler.read();
        longest.push(turns);
        fixedWork.push(turns.fixedWorkMs);
      }
      const { status, text } = answers.at(-1)!;
      const { longestMs, collections } = medianTurn(longest);
      figures.push({ name, variant, ms: longestMs, collections, status, text });
    }
  };
  for (const [index, operation] of operations.entries()) await measure(operation, names[index]!);
  lap('measured');
  const factor = factorNow();
  t.log(`fixed work ${median(fixedWork).toFixed(2)} ms, factor ${factor.toFixed(2)}`);
  for (const { name, variant, ms, collections, status } of figures
    .filter(isMeasured)
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, 40)) {
    const of = collections.length > 0 ? ` with collections (${collections.map(textOf).join(', ')})` : '';
    t.log(`${ms.toFixed(1)} ms${of}: ${name} (${variant}, ${status})`);
  }
  t.deepEqual(
    figures
      .filter(({ variant, status }) => variant.startsWith('refused') && (status < 400 || status >= 500))
      .map(({ name, variant, status }) => `${name} (${variant}): ${status}`),
    [],
    'each wrong request is refused',
  );
  t.deepEqual(
    figures
      .filter(({ status, text }) => status >= 400 && text.length > maxProblemCharacters)
      .map(({ name, variant, status, text }) => `${name} (${variant}): ${status}, ${text.length} characters`),
    [],
    'a problem document stays small, whatever the names and texts of its request',
  );
  t.deepEqual(
    figures
      .filter(
        (figure) => isLargest(figure) && figure.status < 400 !== (largestRequests[figure.name]!.refused === undefined),
      )
      .map(({ name, variant, status, text }) => `${name} (${variant}): ${status} ${text.slice(0, 300)}`),
    [],
    'send what the service accepts, or write to largest-requests.ts why it refuses the request',
  );
  t.deepEqual(
    figures
      .filter(
        (figure) => isMeasured(figure) && figure.ms > (largestRequests[figure.name]!.boundMs ?? usualBoundMs) * factor,
      )
      .map(({ name, variant, ms, collections }) => ({ name, variant, ms, collections })),
    [],
    'cut the work into steps (createTurns), or move it to a pricing process',
  );
});
