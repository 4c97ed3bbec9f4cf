/**
 * An upload beside plain PostgreSQL: `ROWS=1000000 SYMBOLS=1000 npm run bench:upload`. It writes a CSV, sends it to a
 * service with its own PostgreSQL, and then runs `COPY` into a staging table and `insert ... select` into an equal table on
 * the same server. It prints the time of both, the max resident memory of the service, and the longest wait of a small
 * request during the upload. `TIMES` repeats both in turns.
 */
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { mebibyte, memoryBytesOf } from '#testkit/measures/processes.ts';
import { call, json, settings, takeToken } from '#testkit/running-service.ts';
import { startService } from '#testkit/service.ts';
import { startTemporaryPostgres } from '#testkit/servers/temporary-postgres.ts';
import { createScope } from '#testkit/scope.ts';

const rows = Number(process.env['ROWS'] ?? 1_000_000);
const symbolCount = Number(process.env['SYMBOLS'] ?? 1_000);
const times = Number(process.env['TIMES'] ?? 1);
const bars = Math.ceil(rows / symbolCount);
const symbols = Array.from({ length: symbolCount }, (_, asset) => `S${asset}`);
const columns = 'symbol,date,open,high,low,close,volume';

const scope = createScope();
const postgres = await startTemporaryPostgres(scope, { name: 'bench', durable: true });
const file = join(postgres.directory, 'prices.csv');

const writeFile = async (): Promise<void> => {
  const out = createWriteStream(file);
  out.write(`${columns}\n`);
  for (const [asset, symbol] of symbols.entries()) {
    let text = '';
    for (let day = 0; day < bars; day += 1) {
      const date = new Date(Date.UTC(2000, 0, 1 + day)).toISOString().slice(0, 10);
      const close = (100 + asset / 10 + Math.sin(day + asset) * 5).toFixed(4);
      text += `${symbol},${date},${close},${(Number(close) + 1).toFixed(4)},${(Number(close) - 1).toFixed(4)},${close},${1_000 + day}\n`;
    }
    if (!out.write(text)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
};

const residentOf = (pid: number): number => memoryBytesOf(pid) / mebibyte;

await writeFile();
console.log(
  `${bars * symbolCount} rows, ${symbolCount} symbols, ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB of CSV`,
);
const service = await startService({
  environment: {
    ...settings,
    DATABASE_URL: postgres.url,
    VOLWATCH_DIRECTORY: postgres.directory,
    OTEL_SDK_DISABLED: 'true',
    DATABASE_REFRESH_STATEMENT_TIMEOUT_MS: '600000',
  },
});
const client = new pg.Client({ connectionString: postgres.url });
try {
  await service.ready(60_000);
  await client.connect();
  const authorization = { Authorization: `Bearer ${await takeToken(service)}` };
  const api = `${service.url}/api/v1`;
  const assets = symbols.map((symbol) => ({ symbol }));
  const definition = { source: 'upload', interval: '1day', assets, indexes: [] };
  const created = await call(`${api}/universes/bench`, {
    ...json(definition, { ...authorization, 'If-None-Match': '*' }),
    method: 'PUT',
  });
  if (created.status !== 201) throw new Error(created.text);
  await client.query(
    'create table plain_price (like price including all, foreign key (asset_id) references asset (id))',
  );
  await client.query(
    'create table plain_row (symbol text, date date, open float8, high float8, low float8, close float8, volume float8)',
  );

  const upload = async (): Promise<number> => {
    let resident = 0;
    let longestMs = 0;
    const before = residentOf(service.pid);
    const watch = setInterval(() => (resident = Math.max(resident, residentOf(service.pid))), 50);
    const stopped = new AbortController();
    const ask = async (): Promise<void> => {
      while (!stopped.signal.aborted) {
        const asked = performance.now();
        await fetch(`${service.url}/health/live`);
        longestMs = Math.max(longestMs, performance.now() - asked);
        await sleep(20);
      }
    };
    const asking = ask();
    const began = performance.now();
    const answer = await fetch(`${api}/universes/bench/prices?mode=replace`, {
      method: 'POST',
      headers: { ...authorization, 'Content-Type': 'text/csv' },
      body: Readable.toWeb(createReadStream(file)) as unknown as ReadableStream,
      duplex: 'half',
    });
    let record = (await answer.json()) as {
      readonly id: string;
      readonly status: string;
      readonly rows_written: number;
    };
    if (answer.status >= 300) throw new Error(JSON.stringify(record));
    const readSeconds = (performance.now() - began) / 1_000;
    while (record.status === 'running') {
      await sleep(100);
      record = (await call(`${api}/refreshes/${record.id}`, { headers: authorization })).body as typeof record;
    }
    const seconds = (performance.now() - began) / 1_000;
    clearInterval(watch);
    stopped.abort();
    await asking;
    console.log(
      `upload: ${record.status}, ${record.rows_written} rows, ${seconds.toFixed(1)} s (read ${readSeconds.toFixed(1)} s), ${(rows / seconds / 1_000).toFixed(0)} thousand rows/s, ` +
        `${before.toFixed(0)} to ${resident.toFixed(0)} MiB resident, longest other request ${longestMs.toFixed(0)} ms`,
    );
    return seconds;
  };
  const plain = async (): Promise<number> => {
    await client.query('truncate plain_row, plain_price');
    const began = performance.now();
    await client.query('begin');
    await pipeline(
      createReadStream(file),
      client.query(copyFrom('copy plain_row from stdin (format csv, header true)')),
    );
    const copied = performance.now();
    await client.query(
      `insert into plain_price (asset_id, date, open, high, low, close, volume)
       select id, date, open, high, low, close, volume from plain_row join asset using (symbol)`,
    );
    await client.query('commit');
    const seconds = (performance.now() - began) / 1_000;
    console.log(
      `plain: ${seconds.toFixed(1)} s (COPY ${((copied - began) / 1_000).toFixed(1)} s), ${(rows / seconds / 1_000).toFixed(0)} thousand rows/s`,
    );
    return seconds;
  };
  for (let time = 0; time < times; time += 1) {
    await client.query('truncate price');
    const uploaded = await upload();
    const copied = await plain();
    console.log(`rate of the upload: ${(copied / uploaded).toFixed(2)} of plain PostgreSQL`);
  }
} finally {
  await client.end();
  await service.stop(5_000);
  await scope.close();
}
