import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Attack, Field } from '../attack.ts';
import { each } from '../each.ts';
import { once, payloads } from '../payloads.ts';
import { mustAnswer, type Person } from '../people.ts';
import { rawRequest } from '../raw-request.ts';
import { connectCalendar } from './calendars.ts';

const json = { 'Content-Type': 'application/json' };

/** 7 MB that decompress to 55 MB: 100,000 slow rows, each with a character beyond Latin-1. */
const wideRows = once(() => {
  const options = Array.from({ length: 100_000 }, (_, row) => ({
    id: `\u0100${row}`.padEnd(180, 'y'),
    model: 'binomial_lr',
    exercise_style: 'american',
    option_type: 'put',
    spot: 100 + row / 1_000,
    strike: 105,
    time_to_expiry: 0.5,
    rate: 0.03,
    volatility: 0.2,
    steps: 251,
    dividends: Array.from({ length: 4 }, () => ({ time: Math.random(), amount: Math.random() })),
  }));
  return gzipSync(JSON.stringify({ options }), { level: 1 });
});

/**
 * Memory of several kinds at the same time, each within its own limit: texts of 55 MB that processes for medium and for long work read, and
 * long answers, of which some are not read. The sum had been 2.4 to 2.6 GB.
 */
export const wideTextsBesideGrids: Attack = {
  name: 'wide JSON texts beside grids that are not read',
  run: async (field) => {
    const kinds = [
      { path: 'batch', body: wideRows(), headers: { ...json, 'Content-Encoding': 'gzip' } },
      { path: 'grid', body: payloads.longAnswer(), headers: json },
      { path: 'grid', body: payloads.longAnswer(), headers: json, unreadMs: 25_000 },
    ];
    await each(field, { parallel: 44, grouped: true }, (number, address) => {
      const { path, ...request } = kinds[number % kinds.length]!;
      return rawRequest({ ...field, address, method: 'POST', path: `/api/v1/pricing/${path}`, ...request });
    });
  },
};

const resultBytes = 16_000_000;
/** About 21 MB of events, and the export of them has about 26 MB. */
const storedEvents = 20_000;
const minOwners = 16;

type OwnerOfData = Person & { readonly jobId: string };

/** A user with a full calendar, which is exported and synced again, and with one long result of a pricing job. */
const fill = async (field: Field, person: Person): Promise<OwnerOfData> => {
  await mustAnswer(200, () => connectCalendar(field, person));
  await field.sql(
    `insert into calendar_event (connection_id, event_id, status, summary, location, starts_at, ends_at, all_day)
     select c.id, 'event' || n, 'confirmed', repeat(md5(n::text), 14), repeat(md5(n::text), 14), now(), now(), false
     from calendar_connection c, generate_series(1, ${storedEvents}) as n where owner_kind = 'user' and owner_id = $1
     on conflict do nothing`,
    [person.id],
  );
  const jobId = randomUUID();
  await field.sql(
    `insert into pricing_job (id, subject, owner, status, created_at, submitted_at)
     values ($1, $2, $2, 'submitted', now(), now())`,
    [jobId, `user:${person.id}`],
  );
  await field.sql(
    `insert into pricing_chunk (job_id, number, status, digest, output, stored_bytes, row_count, failed_count, finished_at)
     values ($1, 1, 'done', 'none', convert_to(repeat('0123456789abcdef', ${resultBytes / 16}), 'UTF8'), ${resultBytes}, 1, 0, now())`,
    [jobId],
  );
  return { ...person, jobId };
};

/**
 * All kinds of large memory together: texts of 55 MB, full calendars that are synced, exports of accounts, and stored results that are not read. Each
 * kind is within its own limit. The sum had been 2.3 GB.
 */
export const calendarsBesideWideTexts: Attack = {
  name: 'calendars, exports and results of jobs beside wide JSON texts',
  run: async (field) => {
    const people = await field.people.make(Math.max(minOwners, field.addresses.length));
    const owners: OwnerOfData[] = [];
    for (const person of people) owners.push(await fill(field, person));
    const kinds = [
      () => ({ method: 'POST', path: '/calendar/sync/auto' }),
      () => ({ method: 'GET', path: '/account/export' }),
      ({ jobId }: OwnerOfData) => ({ method: 'GET', path: `/pricing/jobs/${jobId}/chunks/1`, unreadMs: 25_000 }),
    ];
    const half = { ...field, requests: Math.ceil(field.requests / 2) };
    const others = each(half, { parallel: 150 }, (number, address) => {
      const owner = owners[Math.floor(number / kinds.length) % owners.length]!;
      const { path, ...request } = kinds[number % kinds.length]!(owner);
      const headers = { Authorization: `Bearer ${owner.token}` };
      return rawRequest({ ...field, address, ...request, path: `/api/v1${path}`, headers });
    });
    await Promise.all([wideTextsBesideGrids.run(half), others]);
  },
};
