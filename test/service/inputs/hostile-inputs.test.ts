import { randomInt } from 'node:crypto';
import test from 'ava';
import { isErrorCode } from '#src/kernel/catalogue/errors.ts';
import { call } from '#testkit/running-service.ts';
import type { Document } from '../../http/fuzz/requests.ts';
import { measuredOperations } from '../event-loop/measured-operations.ts';
import { baseRequests, goodValue, type BaseRequest } from './base-request.ts';
import type { KnownValues } from './base-request.ts';
import { answerable, authorizationFor } from './callers.ts';
import type { DeclaredInput, DeclaredOperation } from './declared-inputs.ts';
import { hostileRequest, type HostileRequest } from './hostile-request.ts';
import { hostileBytes, hostileEncodings, hostileHeaders, hostileJson, type Sampling } from './hostile-values.ts';
import type { Received } from './send.ts';
import { startStage } from './stage.ts';

/** A failure is repeated with FUZZ_SEED. */
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31 - 1));
const sampling: Sampling = { seed, count: Number(process.env['FUZZ_REQUESTS'] ?? 12) };
const concurrency = 4;

/** Headers that the http room or a middleware reads on each route, beside those that a route declares. */
const commonHeaders = [
  ['accept', 'accept-encoding', 'authorization', 'baggage', 'cache-control', 'content-encoding', 'content-type'],
  ['cookie', 'expect', 'host', 'idempotency-key', 'if-match', 'if-none-match', 'origin', 'prefer', 'traceparent'],
  ['tracestate', 'user-agent', 'x-api-key', 'x-csrf-token', 'x-forwarded-for', 'x-request-id'],
].flat();

/** Where no good request is known, only the outermost checks are attacked. Each operation that is here has its reason. */
const withoutGoodRequest: Readonly<Record<string, string>> = {
  'POST /api/v1/account/password': 'a good request changes the password of the caller',
  'POST /api/v1/account/email': 'a good request needs the password, and ends the e-mail address of the caller',
  'PUT /api/v1/account/email': 'the token is in an e-mail',
  'PUT /api/v1/account/password-reset': 'the token is in an e-mail',
  'POST /api/v1/auth/login/second-factor': 'the token is in the answer to the first step',
  'PUT /api/v1/account/totp': 'the code comes from an authenticator',
  'GET /api/v1/calendar/connect': 'the good answer is 302',
  'GET /api/v1/calendar/callback': 'the state comes from the step before, and is used once',
  'GET /api/v1/pricing/jobs/{id}/chunks/{number}': 'a chunk has a result when a worker has priced it',
};

const otherCredentials = ['authorization', 'cookie', 'x-api-key'];

/** Each generated request changes one input; `pointer` is a text that the pointer of a refusal has. */
type Attack = { readonly request: HostileRequest; readonly input?: DeclaredInput };

const valuesFor = (input: DeclaredInput, good: unknown): string[] => {
  if (input.place === 'json') return hostileJson(good, sampling);
  return input.place === 'header' ? hostileHeaders(sampling) : hostileEncodings(good, sampling);
};

const attacksOn = (operation: DeclaredOperation, document: Document, known: KnownValues): Attack[] => {
  const { path, inputs } = operation;
  const [base, ...otherBases] = baseRequests(operation, document, known);
  /** @param part every so manieth value is taken */
  const singles = (from: BaseRequest, part: number): Attack[] =>
    inputs.flatMap((input) =>
      valuesFor(input, goodValue(input, from, document, known))
        .filter((_, index) => index % part === seed % part)
        .map((value) => ({ input, request: hostileRequest(path, from, input, value) })),
    );
  const repeated = inputs
    .filter(({ place }) => place !== 'path' && place !== 'json')
    .flatMap((input) =>
      ['', '1', '*'].map((value) => ({ input, request: hostileRequest(path, base, input, value, 2) })),
    );
  const headers = commonHeaders.flatMap((name) =>
    hostileHeaders({ ...sampling, seed: seed + name.length })
      .slice(0, 6)
      .map((value) => ({
        request: hostileRequest(path, base, { place: 'header', members: [name], schema: {} }, value),
      })),
  );
  const good = hostileRequest(path, base);
  const bytes = base.mediaType === undefined ? [] : hostileBytes(typeof good.body === 'string' ? good.body : '');
  return [
    ...singles(base, 1),
    ...otherBases.flatMap((other) => singles(other, 3)),
    ...repeated,
    ...headers,
    ...bytes.map((body) => ({ request: { ...good, body } })),
  ];
};

const describe = (method: string, { target, headers, body }: HostileRequest, { status, text }: Received): string =>
  `FUZZ_SEED=${seed} ${method} ${target} ${JSON.stringify(headers)} ${JSON.stringify(body?.toString('latin1') ?? '')} -> ${status} ${text.slice(0, 1_000)}`;

/** What is wrong with an answer, or undefined. */
const faultOf = (
  { method, operation }: DeclaredOperation,
  { input }: Attack,
  received: Received,
): string | undefined => {
  const { status, text, headers } = received;
  if (status >= 500) return 'a 5xx';
  if (!headers['x-request-id']) return 'no request id';
  // A path that an odd segment changed can be another route, or none.
  if (input?.place !== 'path' && operation.responses[String(status)] === undefined) return 'not documented';
  if (status < 400) return undefined;
  const problem = JSON.parse(text) as { code?: string; errors?: readonly { pointer: string }[] };
  if (!isErrorCode(problem.code ?? '')) return 'no code';
  if (status !== 422 || problem.code !== 'validation_failed') return undefined;
  return problem.errors?.some(({ pointer }) => typeof pointer === 'string') ? undefined : `no pointer (${method})`;
};

type Results = { readonly statuses: Map<number, number>; readonly faults: string[] };

const attack = async (
  operation: DeclaredOperation,
  attacks: readonly Attack[],
  send: (request: HostileRequest) => Promise<Received>,
  { statuses, faults }: Results,
): Promise<void> => {
  const queue = attacks.values();
  const work = async (): Promise<void> => {
    for (const each of queue) {
      const received = await send(each.request);
      statuses.set(received.status, (statuses.get(received.status) ?? 0) + 1);
      const fault = faultOf(operation, each, received);
      if (fault !== undefined) faults.push(`${fault}: ${describe(operation.method, each.request, received)}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
};

test('each declared input with hostile values: a good answer or a 4xx with a pointer, in production', async (t) => {
  t.timeout(600_000);
  t.log(`FUZZ_SEED=${seed}`);
  const { service, document, operations, send, callers } = await startStage(t);

  // Each new route must also have its largest request, which `npm run event-loop:verify` sends.
  measuredOperations(t, document);

  const results: Results = { statuses: new Map(), faults: [] };
  const unanswered: string[] = [];
  for (const operation of operations) {
    const { caller, known, received } = await answerable(operation, operations, { document, send, callers });
    const name = `${operation.method} ${operation.path}`;
    if (received.status >= 300 && !(name in withoutGoodRequest)) unanswered.push(`${name}: ${received.text}`);
    const authorization = await authorizationFor(operation, caller);
    const attacks = attacksOn(operation, document, known);
    const sendOne = ({ target, headers, body }: HostileRequest) => {
      const usual = otherCredentials.some((name) => name in headers) ? {} : authorization;
      return send(operation.method, { target, headers: { ...usual, ...headers }, body });
    };
    await attack(operation, attacks, sendOne, results);
  }
  t.log(Object.fromEntries([...results.statuses].toSorted(([a], [b]) => a - b)));
  t.deepEqual(
    unanswered,
    [],
    'add the values of a good request to test/service/inputs/callers.ts, or the reason below',
  );
  t.deepEqual(results.faults.slice(0, 20), [], `${results.faults.length} faults`);
  t.is((await call(`${service.url}/health/ready`)).status, 200);
  t.deepEqual(
    service.log.filter(({ level }) => level === 'error'),
    [],
  );
});
