import { gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { header, setupUploads, two } from './setup.ts';

for (const [name, body, headers] of [
  [
    'a form',
    (): FormData => {
      const form = new FormData();
      form.append('file', new Blob([two], { type: 'application/octet-stream' }), 'prices.csv');
      return form;
    },
    {},
  ],
  ['gzip', () => new Uint8Array(gzipSync(two)), { 'Content-Encoding': 'gzip' }],
  ['zstd', () => new Uint8Array(zstdCompressSync(two)), { 'Content-Encoding': 'zstd' }],
  ['a byte order mark and CRLF', () => `\uFEFF${two.replaceAll('\n', '\r\n')}`, {}],
  [
    'quotes, spaces, other names and another order',
    () =>
      ` Close , "Ticker","DATE"\n100,"AAA",2024-01-02\n\n"101",AAA,20240103\n50,BBB,2024/01/02\n49.5,BBB,2024-01-03 00:00:00-05:00\n`,
    {},
  ],
  [
    'no line end at the end, and dates that do not ascend',
    () => `${header}BBB,2024-01-03,49.5\nAAA,2024-01-03,101\nBBB,2024-01-02,50\nAAA,2024-01-02,100`,
    {},
  ],
  [
    'NDJSON',
    () =>
      two
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(','))
        .map(([symbol, date, close]) => JSON.stringify({ Symbol: symbol, date, close: Number(close), open: null }))
        .join('\n'),
    { 'Content-Type': 'application/x-ndjson' },
  ],
] as const) {
  test.serial(`a file gives the same prices as ${name}`, async (t) => {
    const { send, closes } = await setupUploads(t);
    const answer = await send(body(), { headers });
    t.is(answer.status, 200, JSON.stringify(answer.body));
    t.is(answer.body['rows_read'], 4);
    t.deepEqual(await closes(), [
      'AAA 2024-01-02 100',
      'AAA 2024-01-03 101',
      'BBB 2024-01-02 50',
      'BBB 2024-01-03 49.5',
    ]);
  });
}

test.serial('a file without any row that can be used, and a file of another kind, are refused', async (t) => {
  const { send, closes } = await setupUploads(t);
  const encoded = (text: string, encoding: BufferEncoding) => new Uint8Array(Buffer.from(text, encoding));
  for (const [body, status, code, query] of [
    [header, 422, 'upload_refused', ''],
    [`${header}CCC,2024-01-02,1\n`, 422, 'upload_refused', '?on_error=skip'],
    ['\n', 400, 'malformed_body', ''],
    ['symbol,date\nAAA,2024-01-02\n', 400, 'malformed_body', ''],
    ['symbol,date,close,close\nAAA,2024-01-02,1,1\n', 400, 'malformed_body', ''],
    ['symbol,date,close,adj close\nAAA,2024-01-02,1,1\n', 400, 'malformed_body', ''],
    ['symbol;date;close\nAAA;2024-01-02;1,5\n', 400, 'malformed_body', ''],
    [`${header}AAA,2024-01-02,"1\n`, 400, 'malformed_body', ''],
    [`${header}AAA,2024-01-02,${'1'.repeat(100_000)}`, 400, 'malformed_body', ''],
    [`${header}AAA,2024-01-02,1"2\n`, 400, 'malformed_body', ''],
    [encoded(`\uFEFF${two}`, 'utf16le'), 400, 'malformed_body', ''],
    [encoded(two, 'utf16le'), 400, 'malformed_body', ''],
    [encoded(`${header}AA\u00C9,2024-01-02,1\n`, 'latin1'), 422, 'upload_refused', ''],
    [encoded(`symbol,date,cl\u00F4ture\nAAA,2024-01-02,1\n`, 'latin1'), 400, 'malformed_body', ''],
    [two, 415, 'unsupported_media_type', '', 'application/json'],
    [two, 422, 'validation_failed', '?mode=append'],
    [two, 422, 'validation_failed', '?dry_run=true'],
  ] as const) {
    const type = typeof body === 'string' && status === 415 ? 'application/json' : 'text/csv';
    const answer = await send(body, { query, headers: { 'Content-Type': type } });
    t.is(answer.status, status, JSON.stringify(answer.body));
    t.is(answer.body['code'], code);
  }
  t.deepEqual(await closes(), []);
});

test.serial('a number with blanks of any kind around it is stored, and the other rows with it', async (t) => {
  const { send, closes } = await setupUploads(t);
  const blanks = ['\u00a0', '\u2000', '\u2009', '\u200a', '\u2028', '\u202f', '\u3000', '\ufeff', ' '];
  const rows = blanks.map(
    (blank, index) => `AAA,2024-01-${String(index + 2).padStart(2, '0')},${blank}${100 + index}${blank}`,
  );
  const { status, body } = await send(`symbol,date,close\n${rows.join('\n')}\n`, { query: '?on_error=skip' });
  t.is(status, 200, JSON.stringify(body));
  t.deepEqual(
    await closes(),
    blanks.map((_, index) => `AAA 2024-01-${String(index + 2).padStart(2, '0')} ${100 + index}`),
  );
});
