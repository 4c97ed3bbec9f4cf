import test from 'ava';
import { isSecretName } from '#src/telemetry/logs/redaction.ts';
import { baseRequests } from './base-request.ts';
import { answerable, authorizationFor } from './callers.ts';
import type { DeclaredInput } from './declared-inputs.ts';
import { hostileRequest } from './hostile-request.ts';
import { startStage } from './stage.ts';

/** Short values, because a message repeats only these. One is refused by each kind of schema: text, number, list. */
const marks = ['canary-7', '7310577', '73105.77'];
const valuesFor = ({ place }: DeclaredInput): readonly string[] =>
  place === 'json'
    ? [...marks.map((mark) => JSON.stringify(mark)), '7310577', '["canary-7"]', '["canary-7",7310577]']
    : marks;

/** Secrets and personal data by their name, and the codes of authenticators. The codes of indexes are in paths. */
const isSecret = ({ place, members }: DeclaredInput): boolean => {
  const name = members.findLast((member) => typeof member === 'string') ?? '';
  if (place === 'path' || place === 'header') return false;
  return isSecretName(name) || (place !== 'query' && /(?:^|_)codes?$/.test(name));
};

test('no message of a refusal repeats the value of a secret or personal field, on any route', async (t) => {
  t.timeout(300_000);
  const { document, operations, send, callers } = await startStage(t);
  const tried = new Set<string>();
  const repeated: string[] = [];
  let refusals = 0;
  for (const operation of operations) {
    const inputs = operation.inputs.filter(isSecret);
    if (inputs.length === 0) continue;
    const { caller, known } = await answerable(operation, operations, { document, send, callers });
    const [base] = baseRequests(operation, document, known);
    const authorization = await authorizationFor(operation, caller);
    for (const input of inputs) {
      tried.add(String(input.members.at(-1)));
      for (const value of valuesFor(input)) {
        const { target, headers, body } = hostileRequest(operation.path, base, input, value);
        const request = { target, headers: { ...authorization, ...headers }, body };
        const { status, text } = await send(operation.method, request);
        if (status < 400) continue;
        refusals += 1;
        // `instance` has the path, not the query.
        if (marks.some((mark) => text.includes(mark)))
          repeated.push(`${operation.method} ${operation.path} ${input.members.join('/')}: ${text}`);
      }
    }
  }
  t.log(`${refusals} refusals of ${[...tried].toSorted().join(', ')}`);
  t.deepEqual(repeated, []);
  for (const name of ['password', 'new_password', 'email', 'token', 'code', 'client_secret', 'refresh_token'])
    t.true(tried.has(name), name);
});
