import test from 'ava';
import type { Item, List } from '../setup-http.ts';
import { setupUploads } from './setup.ts';

const dates = ['02', '03', '04', '05', '08', '09'].map((day) => `2024-01-${day}`);
const factor = 20;
const splitAt = 3;
const adjusted = [50, 50.5, 50, 51, 50.5, 50];
const traded = adjusted.map((close, day) => (day < splitAt ? close * factor : close));

const orders: Readonly<Record<string, (lines: readonly string[]) => readonly string[]>> = {
  ascending: (lines) => lines,
  'newest first': (lines) => lines.toReversed(),
};

const fileOf = (closes: readonly number[], hasColumn: boolean, order = 'ascending'): string => {
  const lines = closes.map(
    (close, day) => `AAA,${dates[day]},${close}${hasColumn ? `,${day === splitAt ? factor : ''}` : ''}`,
  );
  return [`symbol,date,close${hasColumn ? ',split_factor' : ''}`, ...orders[order]!(lines)].join('\n');
};

for (const source of ['file', 'stored']) {
  for (const mode of ['merge', 'replace']) {
    for (const order of Object.keys(orders)) {
      test.serial(
        `prices beside a split of the ${source} are answered adjusted, or their file is refused: ${mode}, ${order}`,
        async (t) => {
          const { send, get, contents } = await setupUploads(t);
          const read = async (): Promise<unknown[]> =>
            (await get<List>('/assets/AAA/prices')).data.map(({ close }) => close);
          t.is((await send(fileOf(traded, true))).status, 200);
          t.deepEqual(await read(), adjusted);
          const upload = (closes: readonly number[], query: string) =>
            send(fileOf(closes, source === 'file', order), { query: `?mode=${mode}${query}` });
          for (const [closes, query] of [
            [traded, ''],
            [traded, '&adjusted=false'],
            [adjusted, '&adjusted=true'],
          ] as const) {
            const { status, body } = await upload(closes, query);
            t.is(status, 200, JSON.stringify(body));
            t.like(body, { status: 'succeeded', quarantined: 0 }, `${query} ${JSON.stringify(body)}`);
            t.deepEqual(await read(), adjusted, query);
          }
          const before = await contents();
          const { status, body } = await upload(adjusted, '');
          t.is(status, 422);
          const line = order === 'ascending' ? splitAt + 2 : dates.length - splitAt + 1;
          t.like((body['errors'] as Item[])[0], { line, code: 'split_already_applied' });
          t.regex(String(body['detail']), source === 'file' ? /1 split of the file/ : /1 stored split/);
          t.is(await contents(), before);
        },
      );
    }
  }
}

test.serial('a stored split of a day without a row belongs to the next row', async (t) => {
  const { send, get } = await setupUploads(t);
  t.is((await send(fileOf(traded, true))).status, 200);
  const without = fileOf(traded, false)
    .split('\n')
    .filter((line) => !line.includes(dates[splitAt]!));
  const { body } = await send(without.join('\n'), { query: '?mode=replace' });
  t.like(body, { status: 'succeeded', quarantined: 0 });
  const closes = (await get<List>('/assets/AAA/prices')).data.map(({ close }) => close);
  t.deepEqual(closes, adjusted.toSpliced(splitAt, 1));
});

test.serial('splits of another source, which an upload removes, do not change its prices', async (t) => {
  const { send, get, admin } = await setupUploads(t);
  t.is((await send(fileOf(traded, true))).status, 200);
  await admin.query(`update asset set price_source = 'tiingo' where symbol = 'AAA'`);
  const { body } = await send(fileOf(adjusted, false), { query: '?mode=replace&adjusted=true' });
  t.like(body, { quarantined: 0 });
  t.deepEqual(
    (await get<List>('/assets/AAA/prices')).data.map(({ close }) => close),
    adjusted,
  );
});
