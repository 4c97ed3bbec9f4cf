import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { formidable } from 'formidable';
import test from 'ava';
import { safeMultipart } from '#src/http/routing/input/form-parser.ts';
import { codeOf, digest, path, setup } from './setup.ts';

const bound = 'bound';
const start = `--${bound}\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n`;
const formOf = (content: Buffer): Buffer =>
  Buffer.concat([Buffer.from(start), content, Buffer.from(`\r\n--${bound}--\r\n`)]);
const bytes = 400_000;
const pieceBytes = 8_192;

for (const part of ['\r', '\r\n', '\r\n-', '\r\n--boun', '\r\n--bound!', '\r\r\n--boun\r', 'a\r', 'x']) {
  const content = Buffer.alloc(bytes, part);
  const name = JSON.stringify(part);

  test(`a file of ${name} has one event of its content for each piece of the form`, async (t) => {
    const received: Buffer[] = [];
    let writes = 0;
    const form = formidable({
      enabledPlugins: [safeMultipart],
      maxFileSize: Infinity,
      fileWriteStreamHandler: () =>
        new Writable({
          write: (chunk: Buffer, _, done) => {
            writes += 1;
            received.push(Buffer.from(chunk));
            done();
          },
        }),
    });
    const all = formOf(content);
    const pieces = Array.from({ length: Math.ceil(all.length / pieceBytes) }, (_, piece) =>
      all.subarray(piece * pieceBytes, (piece + 1) * pieceBytes),
    );
    const request = Object.assign(Readable.from(pieces), {
      headers: { 'content-type': `multipart/form-data; boundary=${bound}`, 'transfer-encoding': 'chunked' },
    });
    form.parse(request as never, () => {});
    await once(form, 'end');
    t.is(digest(Buffer.concat(received)), digest(content));
    t.true(writes <= pieces.length + 1, `${writes} writes for ${pieces.length} pieces`);
  });

  test(`a file of ${name} arrives byte for byte`, async (t) => {
    const { call } = await setup(t).server;
    const headers = { 'Content-Type': `multipart/form-data; boundary=${bound}` };
    const answer = await call(path, { method: 'POST', headers, body: new Uint8Array(formOf(content)) });
    t.is(answer.status, 200, String(await codeOf(answer.clone())));
    t.deepEqual(await answer.json(), { type: 'text/csv', bytes, digest: digest(content) });
  });
}
