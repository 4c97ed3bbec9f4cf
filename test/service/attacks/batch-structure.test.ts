import { gzipSync } from 'node:zlib';
import test from 'ava';
import { setupDatabase } from '#testkit/database.ts';
import { eventually } from '#testkit/eventually.ts';
import { metric, option, scrape } from '#testkit/running-service.ts';
import { postFrom, residentMegabytes, serveProduction } from './production.ts';
import { mebibyte } from '#testkit/measures/processes.ts';

const gzip = (text: string): Buffer => gzipSync(text);
/** `size` bytes of one list, its elements repeated. */
const repeated = (before: string, element: string, after: string, size: number): string =>
  `${before}${`${element},`.repeat(size / (element.length + 1))}${element}${after}`;

/** Small compressed bodies whose text makes a parser use far more memory than the text has bytes. */
const bodies: Readonly<Record<string, () => Buffer>> = {
  'empty rows': () => gzip(repeated('{"options":[', '{}', ']}', 63 * mebibyte)),
  'empty lists': () => gzip(repeated('{"options":[', '[]', ']}', 63 * mebibyte)),
  'a column of zeros': () => gzip(repeated('{"columns":{"spot":[', '0', ']}}', 63 * mebibyte)),
  'rows in a member that is unknown': () => gzip(repeated('{"nothing":[', '{"a":{}}', ']}', 63 * mebibyte)),
  'lists inside a row': () => gzip(repeated('{"options":[{"spot":[', '[0]', ']}]}', 63 * mebibyte)),
};

test('bodies that unpack to 64 MiB of tiny values are refused, and the process lives', async (t) => {
  t.timeout(180_000);
  const database = await setupDatabase(t);
  const service = await serveProduction(t, database);
  const send = async (body: Buffer): Promise<number> =>
    (await postFrom(`${service.url}/api/v1/pricing/batch`, '', body, { 'Content-Encoding': 'gzip' })).status;
  for (const [name, make] of Object.entries(bodies)) {
    const body = make();
    t.true(body.length < 150_000, name);
    for (let round = 0; round < 5; round += 1) {
      const status = await send(body);
      t.true(status >= 400 && status < 500, `${name}: ${status}`);
    }
  }
  t.is(await send(gzip(JSON.stringify({ options: [option] }))), 200);
  const exposition = await scrape(service);
  t.is(metric(exposition, 'volwatch_workers_restarts_total'), 0);
  // Whichever limit refuses first: that of the unpacked size or that of the structure.
  const refusals = (['body_structure', 'body_expansion'] as const).map((kind) =>
    metric(exposition, 'volwatch_abuse_refused_total', { kind }),
  );
  t.true(refusals[0]! + refusals[1]! > 0);
  // The processes for pricing count, too: an idle one that is large ends.
  const small = async (): Promise<boolean> => residentMegabytes(service.pid) < 500;
  t.log(`${residentMegabytes(service.pid).toFixed(0)} MB resident after the attack`);
  await eventually(small, 'the memory goes back', 60_000);
  t.log(`${residentMegabytes(service.pid).toFixed(0)} MB within a minute`);
  t.is(metric(await scrape(service), 'volwatch_workers_restarts_total'), 0);
});
