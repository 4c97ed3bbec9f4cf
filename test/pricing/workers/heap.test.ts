import test from 'ava';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import { call, setup } from '../setup.ts';

/** Less than the default of PRICING_WORKER_HEAP_MB, so that the default has headroom. */
const heapMegabytes = 512;

const text = (length: number, part: (index: number) => string): string =>
  Array.from({ length }, (_, index) => part(index)).join(',');
const rowText = JSON.stringify(call).slice(1, -1);
const rows = 100_000;

/** Bodies of up to 64 MiB inside the limits on rows, members, values and depth, made to need much memory. */
const bodies: Readonly<Record<string, () => string>> = {
  'rows whose member names are all different, which is refused': () =>
    `{"options":[${text(rows, (row) => `{${text(30, (member) => `"m${row}_${member}":1`)}}`)}]}`,
  'rows of members that are short lists, which is refused': () =>
    `{"options":[${text(rows, () => `{"spot":[${'[],'.repeat(30)}[]]}`)}]}`,
  'a row of 16 levels everywhere, which is refused': () =>
    `{"options":[${text(rows, () => `{"spot":${'['.repeat(16)}${']'.repeat(16)},"rate":[1,2,3,4,5,6,7,8]}`)}]}`,
  'objects with a numbered member, which is refused': () =>
    `{"options":[${text(40_000, () => `{"spot":[${'{"32":1},'.repeat(49)}{"32":1}]}`)}]}`,
  'empty objects, which is refused': () => `{"options":[${text(rows, () => `{"spot":[${'{},'.repeat(39)}{}]}`)}]}`,
  'short texts that are all different': () =>
    `{"options":[${text(rows, (row) => `{"spot":[${text(40, (at) => `"${(row * 40 + at).toString(36)}"`)}]}`)}]}`,
  'dividends in every row': () =>
    `{"options":[${text(rows, () => `{${rowText},"dividends":[${text(4, (at) => `{"time":0.${at + 1},"amount":1e-9}`)}]}`)}]}`,
  'one long string, all of it escaped': () =>
    `{"options":[{${rowText},"symbol":"${String.raw`\u4e00`.repeat(10_000_000)}"}]}`,
  'numbers of 100,000 digits': () => `{"options":[${text(600, () => `{"spot":${'9'.repeat(100_000)}}`)}]}`,
  'short numbers that are written long': () =>
    `{"options":[${text(rows, () => `{"model":"baw","spot":[${'1e20,'.repeat(28)}1e20]}`)}]}`,
  'every column, every cell wrong': () =>
    `{"columns":{${text(17, (at) => {
      const names = [
        'spot',
        'forward',
        'strike',
        'time_to_expiry',
        'rate',
        'volatility',
        'dividend_yield',
        'steps',
        'price',
        'v0',
      ];
      const others = ['kappa', 'theta', 'sigma', 'rho', 'option_type', 'precision', 'symbol'];
      return `"${[...names, ...others][at]}":[${text(rows, (row) => `"x${row}"`)}]`;
    })}}}`,
};

const { service, metrics, workers } = setup({ workers: { heapMegabytes } });
test.after.always(workers.close);

for (const [name, make] of Object.entries(bodies)) {
  test.serial(`${name}: the heap is enough`, async (t) => {
    t.timeout(110_000);
    const body = make();
    t.true(body.length <= 64 * 2 ** 20, `${body.length} bytes`);
    const code = await service.send({ bytes: Buffer.from(body) }).then((answer) => {
      t.log(`${(body.length / 2 ** 20).toFixed(0)} MiB in, ${(answer.length / 2 ** 20).toFixed(0)} MiB out`);
      return 'ok';
    }, codeOf);
    t.is(code === 'malformed_body', name.endsWith('refused'));
    t.true(['ok', 'validation_failed', 'malformed_body'].includes(code), code);
    t.is(metrics.value('volwatch_workers_restarts_total'), 0);
    if (code !== 'ok') t.log(code);
  });
}
