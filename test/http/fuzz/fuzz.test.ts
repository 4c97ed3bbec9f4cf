import { randomInt } from 'node:crypto';
import test from 'ava';
import * as fc from 'fast-check';
import { isErrorCode } from '#src/kernel/catalogue/errors.ts';
import { serve, takeToken } from '#testkit/running-service.ts';
import { setupDatabase } from '#testkit/database.ts';
import { requestsTo, type Document } from './requests.ts';

const requestsEach = Number(process.env['FUZZ_REQUESTS'] ?? 30);
/** A failure is repeated with FUZZ_SEED. */
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31 - 1));
const budgetMs = 15_000;

test('whatever is sent to what the OpenAPI document describes, nothing answers with a 5xx', async (t) => {
  t.log(`FUZZ_SEED=${seed}`);
  const database = await setupDatabase(t);
  const service = await serve(t, { DATABASE_URL: database.url, FAULT_INJECTION: 'false' });
  await service.ready();
  const token = await takeToken(service);
  const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as Document;
  const operations = Object.entries(document.paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
    // Whose success ends what the others need.
    .filter(({ path }) => !path.endsWith('/auth/logout'));

  const begun = performance.now();
  const statuses = new Map<number, number>();
  for (const { path, method, operation } of operations) {
    for (const request of fc.sample(requestsTo(path, operation, document), { seed, numRuns: requestsEach })) {
      if (performance.now() - begun > budgetMs) break;
      const response = await fetch(`${service.url}${request.path}`, {
        method: method.toUpperCase(),
        headers: { ...(operation.security.length > 0 && { Authorization: `Bearer ${token}` }), ...request.headers },
        ...(request.body !== undefined && { body: request.body }),
        signal: AbortSignal.timeout(10_000),
        redirect: 'manual',
      });
      const text = await response.text();
      const what = `seed ${seed}: ${method.toUpperCase()} ${JSON.stringify(request)} -> ${response.status} ${text.slice(0, 2_000)}`;
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      if (response.status >= 500) t.fail(what);
      if (operation.responses[String(response.status)] === undefined) t.fail(`undocumented: ${what}`);
      if (!response.headers.has('x-request-id')) t.fail(`no request id: ${what}`);
      if (response.status >= 400 && !isErrorCode(String((JSON.parse(text) as { code?: string }).code))) t.fail(what);
    }
  }
  t.log(Object.fromEntries([...statuses].toSorted(([a], [b]) => a - b)));
  // It would prove nothing if everything were refused at the door.
  t.true((statuses.get(200) ?? 0) > 50);
  t.true((statuses.get(422) ?? 0) > 50);
  t.is((await fetch(`${service.url}/health/ready`)).status, 200);
  t.deepEqual(
    service.log.filter(({ level }) => level === 'error'),
    [],
  );
});
