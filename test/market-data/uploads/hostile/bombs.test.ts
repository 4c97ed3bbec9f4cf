import { createGzip, createZstdCompress } from 'node:zlib';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import test from 'ava';
import { header, setupUploads, two } from '../setup.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

/** Much more than an upload may read before it sees that the file is of no use. */
const unpackedBytes = 64 * mebibyte;

const filled = (text: string): Buffer => Buffer.alloc(mebibyte, text);
const contents = {
  zeros: filled('\0'),
  'empty lines': filled('\n'),
  'one line': filled('1'),
  'an open quote': filled('""'),
  'rows of one day': Buffer.from('AAA,2024-01-02,100\n'.repeat(Math.ceil(mebibyte / 19))),
};
const packers = { gzip: createGzip, zstd: createZstdCompress };

const bombOf = async (piece: Buffer, pack: keyof typeof packers): Promise<Uint8Array<ArrayBuffer>> => {
  const pieces = Array.from({ length: unpackedBytes / mebibyte }, () => piece);
  return new Uint8Array(await buffer(Readable.from([Buffer.from(header), ...pieces]).pipe(packers[pack]())));
};

for (const pack of ['gzip', 'zstd'] as const) {
  test.serial(`uploads that grow by a factor of hundreds end early and change nothing: ${pack}`, async (t) => {
    const { send, closes, metrics } = await setupUploads(t, {}, { maxRefusedRows: 10_000 });
    t.is((await send(two)).status, 200);
    const stored = await closes();
    for (const [name, piece] of Object.entries(contents)) {
      const bomb = await bombOf(piece, pack);
      t.true(bomb.length < unpackedBytes / 100, `${name}: ${bomb.length} bytes`);
      for (const query of ['', '?on_error=skip']) {
        const read = metrics.value('volwatch_upload_bytes_total');
        const answer = await send(bomb, { query, headers: { 'Content-Encoding': pack } });
        t.true([400, 413, 422].includes(answer.status), `${name}: ${JSON.stringify(answer.body).slice(0, 300)}`);
        t.true(JSON.stringify(answer.body).length < 10_000, name);
        t.true(metrics.value('volwatch_upload_bytes_total') - read < 8 * mebibyte, `${name} is read to its end`);
      }
    }
    t.deepEqual(await closes(), stored);
    t.is((await send(two)).status, 200, 'the universe and the place of the upload are free');
  });
}

test.serial('a ZIP archive is refused, whatever the media type says', async (t) => {
  const { send, closes } = await setupUploads(t);
  // The begin of an archive with one stored file.
  const archive = new Uint8Array(
    Buffer.concat([Buffer.from('PK\u0003\u0004\u0014\0\0\0\0\0'), Buffer.alloc(16), Buffer.from(two)]),
  );
  for (const [type, status] of [
    ['text/csv', 400],
    ['application/x-ndjson', 422],
    ['application/vnd.apache.arrow.stream', 400],
    ['application/zip', 415],
  ] as const) {
    const answer = await send(archive, { headers: { 'Content-Type': type } });
    t.is(answer.status, status, `${type}: ${JSON.stringify(answer.body)}`);
  }
  t.deepEqual(await closes(), []);
});
