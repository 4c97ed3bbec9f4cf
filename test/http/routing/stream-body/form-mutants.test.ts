import test from 'ava';
import { mutateText } from '../../../../scripts/fuzz/mutate-text.ts';
import { fuzzOverHttp } from '../../../../scripts/fuzz/over-http.ts';
import { path, setup } from './setup.ts';

const disposition = (rest: string): string => `--x\r\nContent-Disposition: form-data; name="f"${rest}\r\n`;
const file = disposition('; filename="a.csv"');
const content = '\r\nsymbol,date,close\nAAA,2024-01-02,1\n\r\n';
const encodings = ['7bit', '8bit', 'binary', 'utf-8', 'base64', 'quoted-printable', 'x-unknown'];

/** Forms with one file, with a field, with several parts, and with each encoding that RFC 2045 has. */
const samples = [
  `${file}Content-Type: text/csv\r\n${content}--x--\r\n`,
  `${file}${content}--x--\r\n`,
  `${disposition('')}\r\nvalue\r\n--x\r\n${file.slice(5)}Content-Type: text/csv\r\n${content}--x--\r\n`,
  `${disposition(`; filename*=UTF-8''a%20b.csv`)}Content-Type: text/csv; charset=utf-8\r\n${content}--x--\r\n`,
  ...encodings.flatMap((encoding) => [
    `${disposition('')}Content-Transfer-Encoding: ${encoding}\r\n${content}--x--\r\n`,
    `${file}Content-Type: text/csv\r\nContent-Transfer-Encoding: ${encoding}\r\n${content}--x--\r\n`,
  ]),
].map((text) => Buffer.from(text));

test('each changed form is read or refused, and none causes an error that nobody handles', async (t) => {
  const { port } = await setup(t).server;
  const request = (mutant: Uint8Array): Uint8Array =>
    Buffer.concat([
      Buffer.from(
        `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: ${mutant.length}\r\n\r\n`,
      ),
      mutant,
    ]);
  const seed = Number(process.env['FUZZ_SEED'] ?? 1);
  const report = await fuzzOverHttp(
    { name: 'multipart', samples: () => samples, mutate: mutateText, request },
    { seed, from: 0, count: 3_000 },
    `http://127.0.0.1:${port}`,
  );
  t.log(report);
  t.deepEqual(report.faults, []);
});
