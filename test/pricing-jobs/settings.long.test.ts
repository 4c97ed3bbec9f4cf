import test from 'ava';
import { arrowStream, readArrow } from '#testkit/arrow/arrow-support.ts';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { call, json, serve } from '#testkit/running-service.ts';

const arrow = 'application/vnd.apache.arrow.stream';
const user = { email: 'jobs@example.org', password: 'a rather long sentence' };
const american = {
  spot: [100],
  strike: [105],
  time_to_expiry: [0.5],
  rate: [0.03],
  volatility: [0.2],
  option_type: ['put'],
  exercise_style: ['american'],
};

test('the chunks of a job use the settings and presets as they were when the job was opened', async (t) => {
  const database = await setupDatabase(t);
  const environment = { DATABASE_URL: database.url, JOBS_POLL_MS: '500', OWNER_CACHE_MS: '0' };
  // No worker runs yet, so that the settings change between the job and its pricing.
  const service = await serve(t, { ...environment, ROLE: 'api' }, { startTimeoutMs: 120_000 });
  await service.ready(120_000);
  const api = `${service.url}/api/v1`;
  await call(`${api}/auth/register`, json(user));
  const login = await call(`${api}/auth/login`, json(user));
  const authorization = { Authorization: `Bearer ${String(login.body['access_token'])}` };
  const key = await call(`${api}/api-keys`, json({ name: 'jobs', scopes: [] }, authorization));
  const apiKey = { 'X-API-Key': String(key.body['key']) };

  const set = async (steps: number, model: string): Promise<void> => {
    const preset = json({ model: 'binomial_lr', steps }, authorization);
    t.true((await call(`${api}/settings/presets/tree`, { ...preset, method: 'PUT' })).status < 300);
    const settings = json({ default_model: model }, { ...authorization, 'If-Match': '*' });
    t.is((await call(`${api}/settings`, { ...settings, method: 'PATCH' })).status, 200);
  };
  const chunks = [arrowStream(american, { preset: 'tree' }), arrowStream(american)].map((bytes) => Buffer.from(bytes));
  const send = (method: string, url: string, body: Buffer | undefined, headers: Record<string, string>) =>
    fetch(url, { method, ...(body && { body }), headers: { ...headers, ...(body && { 'Content-Type': arrow }) } });
  const pricesNow = async (): Promise<unknown[]> => {
    const answers = await Promise.all(
      chunks.map(async (body) => (await send('POST', `${api}/pricing/batch`, body, authorization)).arrayBuffer()),
    );
    return answers.map((bytes) => readArrow(new Uint8Array(bytes))[0]!['price']);
  };
  const open = async (headers: Record<string, string>): Promise<string> => {
    const opened = await call(`${api}/pricing/jobs`, json({}, headers));
    t.is(opened.status, 201, opened.text);
    const id = String(opened.body['id']);
    return id;
  };
  const fill = async (id: string, headers: Record<string, string>): Promise<void> => {
    for (const [index, body] of chunks.entries()) {
      t.is((await send('PUT', `${api}/pricing/jobs/${id}/chunks/${index + 1}`, body, headers)).status, 202);
    }
    t.is((await call(`${api}/pricing/jobs/${id}/submit`, { method: 'POST', headers })).status, 200);
  };

  await set(51, 'baw');
  const before = await pricesNow();
  const [first, byKey] = [await open(authorization), await open(apiKey)];
  await set(501, 'andersen_lake');
  const after = await pricesNow();
  t.is(new Set([...before, ...after]).size, 4, 'each setting gives another price');
  const second = await open(authorization);
  t.is((await call(`${api}/settings/presets/tree`, { method: 'DELETE', headers: authorization })).status, 204);
  await fill(first, authorization);
  await fill(byKey, apiKey);
  await fill(second, authorization);

  const worker = await serve(t, { ...environment, ROLE: 'worker' }, { startTimeoutMs: 120_000 });
  await worker.logged(({ message }) => message === 'started', 120_000);
  const resultsOf = async (id: string, headers: Record<string, string>): Promise<unknown[]> => {
    const find = () => call(`${api}/pricing/jobs/${id}`, { headers });
    await eventually(async () => (await find()).body['status'] === 'completed', 'the job is completed', 60_000);
    const results = await Promise.all(
      [1, 2].map(async (number) =>
        (await send('GET', `${api}/pricing/jobs/${id}/chunks/${number}`, undefined, headers)).arrayBuffer(),
      ),
    );
    return results.map((bytes) => readArrow(new Uint8Array(bytes))[0]?.['price']);
  };
  t.deepEqual(await resultsOf(first, authorization), before);
  t.deepEqual(await resultsOf(byKey, apiKey), before, 'an API key uses the settings of its user');
  t.deepEqual(await resultsOf(second, authorization), after, 'the preset was removed after the job was opened');

  const [stored] = await database.query('select defaults from pricing_job where id = $1', [second]);
  t.deepEqual(stored, {
    defaults: { model: 'andersen_lake', decimalPlaces: 4, presets: { tree: { model: 'binomial_lr', steps: 501 } } },
  });
});
