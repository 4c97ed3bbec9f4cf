import { noMetrics } from '#src/kernel/catalogue/metrics.ts';
import test from 'ava';
import { createLongSyncPlaces } from '#src/calendar/sync/long-sync-places.ts';
import { runInRequest, type RequestContext } from '#src/kernel/requests/request-context.ts';

const setup = () => {
  const places = createLongSyncPlaces({ metrics: noMetrics });
  const reading: string[] = [];
  const ends: (() => void)[] = [];
  const read = (name: string) => async (): Promise<string> => {
    reading.push(name);
    await new Promise<void>((resolve) => void ends.push(resolve));
    return name;
  };
  const { signal } = new AbortController();
  const use = (name: string, pages: number): Promise<string> => places.use(pages, signal, read(name));
  const from = (clientIp: string, name: string, pages: number): Promise<string> =>
    runInRequest({ clientIp } as RequestContext, () => use(name, pages));
  return { reading, ends, use, from };
};

test('two long syncs of requests read a page at the same time, and first pages and jobs do not wait', async (t) => {
  const { reading, ends, use, from } = setup();
  const long = ['a', 'b', 'c'].map((name, index) => from(`192.0.2.${index}`, name, 8));
  const others = [from('192.0.2.9', 'first pages', 7), use('job', 8)];
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  await turn();
  t.deepEqual(reading.toSorted(), ['a', 'b', 'first pages', 'job']);
  ends[reading.indexOf('a')]!();
  t.is(await long[0], 'a');
  await turn();
  t.is(reading.at(-1), 'c');
  for (const end of ends) end();
  t.deepEqual(await Promise.all([...long.slice(1), ...others]), ['b', 'c', 'first pages', 'job']);
});

test('a sync that ends while it waits has no place', async (t) => {
  const places = createLongSyncPlaces({ metrics: noMetrics });
  const pending = (): Promise<never> => new Promise(() => {});
  const controller = new AbortController();
  const error = new Error('ended');
  const waiting = runInRequest({ clientIp: '192.0.2.1' } as RequestContext, () => {
    for (let number = 0; number < 2; number += 1) void places.use(8, new AbortController().signal, pending);
    return places.use(8, controller.signal, pending);
  });
  controller.abort(error);
  t.is(await t.throwsAsync(waiting), error);
});
