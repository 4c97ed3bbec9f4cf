import test, { type ExecutionContext } from 'ava';
import { createAuditQueries } from '#src/audit/queries.ts';
import { createAuditRoutes } from '#src/audit/audit-routes.ts';
import { createCursors } from '#src/kernel/lists/pagination.ts';
import type { Principal } from '#src/kernel/requests/principal.ts';
import { serve } from '#test/http/support.ts';
import { setup, startedEvent } from './setup.ts';

type Event = Readonly<Record<string, unknown>>;
type List = { readonly data: Event[]; readonly page: { readonly next_cursor: string | null; readonly limit: number } };

const auditor: Principal = { kind: 'user', subject: 'auditor', scopes: ['audit:read'] };

const setupHttp = async (t: ExecutionContext) => {
  const made = await setup(t);
  const queries = createAuditQueries({ reader: made.database.reader });
  const cursors = createCursors({ secret: 'a secret for this test alone' });
  const routes = createAuditRoutes({ queries, cursors });
  const { call } = await serve(t, { routes, authenticate: async () => auditor });
  const path = '/api/v1/audit/events';
  const get = (query = '', headers: Record<string, string> = {}) => call(`${path}?${query}`, { headers });
  const list = async (query = ''): Promise<List> => {
    const response = await get(query);
    t.is(response.status, 200, query);
    return (await response.json()) as List;
  };
  const targets = async (query: string) => (await list(query)).data.map(({ target }) => target);
  return { ...made, get, list, targets };
};

const seed = async ({ record }: Pick<Awaited<ReturnType<typeof setupHttp>>, 'record'>): Promise<void> => {
  await record(startedEvent('refresh:tech5', 'a'));
  await record({ ...startedEvent('refresh:sp500', 'b'), actor: { kind: 'user', subject: 'user-1' } });
  await record({
    stream: 'client:desk',
    action: 'client.refused',
    outcome: 'refused',
    actor: { kind: 'anonymous', subject: null },
    target: 'desk',
    reason: 'client_credentials_invalid',
  });
  await record({ ...startedEvent('refresh:tech5', 'c'), action: 'refresh.failed', outcome: 'failure' });
};

test('events are listed oldest first, with their position in the chain', async (t) => {
  const http = await setupHttp(t);
  await seed(http);
  const { data, page } = await http.list();
  t.deepEqual(
    data.map(({ target, stream, sequence }) => [target, stream, sequence]),
    [
      ['a', 'refresh:tech5', 1],
      ['b', 'refresh:sp500', 1],
      ['desk', 'client:desk', 1],
      ['c', 'refresh:tech5', 2],
    ],
  );
  t.deepEqual(page, { next_cursor: null, limit: 100 });
  t.is(data[3]?.['previous_hash'], data[0]?.['hash']);
  t.like(data[2], { action: 'client.refused', outcome: 'refused', reason: 'client_credentials_invalid', data: {} });
  t.deepEqual(data[2]?.['actor'], { kind: 'anonymous', subject: null });
});

test('every filter selects the matching events, alone and in combination', async (t) => {
  const http = await setupHttp(t);
  await seed(http);
  const { data } = await http.list();
  const at = (index: number): string => encodeURIComponent(String(data[index]?.['occurred_at']));
  t.deepEqual(await http.targets('stream=refresh:tech5'), ['a', 'c']);
  t.deepEqual(await http.targets('action=refresh.started'), ['a', 'b']);
  t.deepEqual(await http.targets('outcome=refused'), ['desk']);
  t.deepEqual(await http.targets('actor=user-1'), ['b']);
  t.deepEqual(await http.targets('target=c'), ['c']);
  t.deepEqual(await http.targets('stream=refresh:tech5&outcome=failure'), ['c']);
  t.deepEqual(await http.targets('target=nobody'), []);
  t.deepEqual(await http.targets(`from=${at(0)}&to=${at(3)}`), ['a', 'b', 'desk', 'c']);
  t.deepEqual(await http.targets('to=2001-01-01T00:00:00Z'), []);
  t.deepEqual(await http.targets(`from=${new Date(Date.now() + 1000).toISOString()}`), []);
  const offset = encodeURIComponent('2001-01-01T00:00:00+02:00');
  t.is((await http.targets(`from=${offset}`)).length, 4);
  const day = (days: number) =>
    new Date(Date.parse(String(data[0]?.['occurred_at'])) + days * 86_400_000).toISOString().slice(0, 10);
  t.is((await http.targets(`from=${day(0)}&to=${day(1)}`)).length, 4, 'a day as `to` includes the whole day');
  t.deepEqual(await http.targets(`to=${day(-1)}`), []);
  t.deepEqual(await http.targets(`from=${day(2)}`), []);
});

test('from and to are inclusive to the millisecond', async (t) => {
  const http = await setupHttp(t);
  await http.record(startedEvent());
  const [event] = (await http.list()).data;
  const time = Date.parse(String(event?.['occurred_at']));
  const span = (from: number, to: number) =>
    http.targets(`from=${new Date(time + from).toISOString()}&to=${new Date(time + to).toISOString()}`);
  t.deepEqual(await span(0, 0), ['one']);
  t.deepEqual(await span(1, 2), []);
  t.deepEqual(await span(-2, -1), []);
});

test('pages contain every event once, and a cursor is valid for its filters only', async (t) => {
  const http = await setupHttp(t);
  for (let index = 0; index < 7; index += 1) await http.record(startedEvent('refresh:tech5', String(index)));
  const listed: unknown[] = [];
  let cursor: string | null = '';
  let first = '';
  while (cursor !== null) {
    const { data, page }: List = await http.list(`limit=3&stream=refresh:tech5${cursor && `&cursor=${cursor}`}`);
    listed.push(...data.map(({ target }) => target));
    cursor = page.next_cursor;
    first ||= cursor ?? '';
  }
  t.deepEqual(listed, ['0', '1', '2', '3', '4', '5', '6']);
  for (const query of [`cursor=${first}`, `stream=refresh:sp500&cursor=${first}`, `cursor=${first.slice(0, -2)}`]) {
    const response = await http.get(query);
    t.is(response.status, 422, query);
    t.like(await response.json(), { code: 'validation_failed', errors: [{ pointer: 'query.cursor' }] });
  }
});

test('fields selects members, and a matching ETag gives 304', async (t) => {
  const http = await setupHttp(t);
  await seed(http);
  t.deepEqual((await http.list('limit=1&fields=target,sequence')).data, [{ target: 'a', sequence: 1 }]);
  const first = await http.get();
  const etag = first.headers.get('etag') ?? '';
  t.regex(etag, /^W\/"/);
  t.is(first.headers.get('cache-control'), 'private, no-cache');
  t.is((await http.get('', { 'If-None-Match': etag })).status, 304);
  await http.record(startedEvent());
  t.is((await http.get('', { 'If-None-Match': etag })).status, 200);
});

test('invalid queries are refused', async (t) => {
  const { get } = await setupHttp(t);
  for (const query of [
    'action=refresh.exploded',
    'outcome=maybe',
    'from=yesterday',
    'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    'from=2026-01-02&to=2026-01-01',
    'from=2026-02-30',
    'target=',
    'target=a%00b',
    'fields=secret',
    'limit=0',
    'unknown=1',
  ]) {
    const response = await get(query);
    t.is(response.status, 422, query);
    t.like(await response.json(), { code: 'validation_failed' }, query);
  }
});
