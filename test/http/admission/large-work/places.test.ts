import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { z } from 'zod';
import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import { createLargeWorkPlaces, largeWorkOf, placesFor } from '#src/http/admission/large-work.ts';
import { pageQuery } from '#src/kernel/lists/pagination.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';

const list = { query: z.strictObject({ ...pageQuery }) };
const body = { body: z.unknown() };

test('lists have large pages, and routes that store bodies have large bodies', (t) => {
  t.is(largeWorkOf({ load: 'read', request: list }), 'page');
  t.is(largeWorkOf({ load: 'read', request: {} }), undefined);
  t.is(largeWorkOf({ load: 'read', request: {}, scansBy: 'always' }), 'page');
  t.is(largeWorkOf({ load: 'read', request: list, ownPlaces: true }), undefined);
  t.is(largeWorkOf({ load: 'write', request: body }), 'body');
  t.is(largeWorkOf({ load: 'batch', request: body, bodyLimit: 'chunk' }), 'body');
  t.is(largeWorkOf({ load: 'batch', request: body, bodyLimit: 'batch' }), undefined, 'it is not stored');
  t.is(largeWorkOf({ load: 'write', request: body, streamBody: true }), undefined, 'uploads have places of their own');
});

test('a page is large above the default limit, a body above 256 KB and very large above 2 MB', (t) => {
  const page = (limit: number) => placesFor('page', { query: { limit }, bodyBytes: 0 });
  t.deepEqual([page(100), page(101)], [[], ['page']]);
  const scanned = (query: object) => placesFor('page', { query, bodyBytes: 0, scansBy: ['from', 'to'] });
  t.deepEqual(
    [scanned({ limit: 100 }), scanned({ to: '2024-01-01' }), scanned({ limit: 101 })],
    [[], ['page'], ['page']],
  );
  t.deepEqual(placesFor('page', { query: {}, bodyBytes: 0, scansBy: 'always' }), ['page']);
  const days = { query: { from: '2024-01-01' }, bodyBytes: 0 };
  t.deepEqual([placesFor('page', days), placesFor('page', { ...days, scansBy: [] })], [['page'], []]);
  const stored = (bodyBytes: number) => placesFor('body', { query: undefined, bodyBytes });
  t.deepEqual([stored(262_144), stored(262_145), stored(2_097_152)], [[], ['body'], ['body']]);
  t.deepEqual(stored(2_097_153), ['veryLargeBody', 'body']);
});

/** Work that waits for its end, in places of `names`. */
const setup = (...names: Parameters<ReturnType<typeof createLargeWorkPlaces>['use']>[0]) => {
  const refused: string[] = [];
  const places = createLargeWorkPlaces({ abuse: { refused: (kind) => void refused.push(kind) }, metrics: noMetrics });
  const running: string[] = [];
  const ends: (() => void)[] = [];
  const from = (clientIp: string, its = names): Promise<void> =>
    runInRequest({ clientIp, signal: new AbortController().signal } as RequestContext, () =>
      places.use(its, async () => {
        running.push(clientIp);
        await new Promise<void>((resolve) => void ends.push(resolve));
      }),
    );
  const endNext = async (): Promise<void> => {
    ends.shift()!();
    await nextTurn();
  };
  return { refused, running, ends, from, endNext };
};

test('one very large body is stored at a time, and leaves places for large ones', async (t) => {
  const { running, ends, from, endNext } = setup('veryLargeBody', 'body');
  const waiting = [1, 2, 3, 4].map((number) => from(`192.0.2.${number}`));
  waiting.push(from('198.51.100.1', ['body']), from('198.51.100.2', ['body']));
  await nextTurn();
  t.deepEqual(running.toSorted(), ['192.0.2.1', '198.51.100.1', '198.51.100.2']);
  while (ends.length > 0) await endNext();
  t.deepEqual(running.slice(3), ['192.0.2.2', '192.0.2.3', '192.0.2.4']);
  await Promise.all(waiting);
});

test('large work beyond the places waits, and the networks take turns', async (t) => {
  const { refused, running, ends, from, endNext } = setup('body');
  const attacker = Array.from({ length: 8 }, () => from('192.0.2.1'));
  const error = await t.throwsAsync(from('192.0.2.1'), { instanceOf: AppError });
  t.is(error.code, 'concurrency_limit_exceeded');
  t.deepEqual(refused, ['concurrency_by_caller']);
  const other = from('198.51.100.1');
  t.deepEqual(running, ['192.0.2.1', '192.0.2.1', '192.0.2.1']);
  while (running.length < 9) {
    await endNext();
  }
  t.is(running.indexOf('198.51.100.1'), 4, 'after one more of the other network, before its other four');
  for (const end of ends) end();
  await Promise.all([...attacker, other]);
});
