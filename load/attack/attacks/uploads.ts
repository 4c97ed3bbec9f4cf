import type { Attack, Field } from '../attack.ts';
import { countTexts } from '../count-texts.ts';
import { each } from '../each.ts';
import { mebibyte } from '#testkit/measures/processes.ts';
import { payloads } from '../payloads.ts';
import { leaveAfter, rawRequest, type RawRequest } from '../raw-request.ts';
import { createUploaders, type Served, type Uploaders } from './uploaders.ts';

const csv = { 'Content-Type': 'text/csv' };
const arrow = { 'Content-Type': 'application/vnd.apache.arrow.stream' };

/** A database may grow by its own files. An attack that stores what it sends grows it by hundreds of MiB. */
const maxGrowthBytes = 64 * mebibyte;
const minServedShare = 0.5;

const encodings = ['gzip', 'br', 'zstd'] as const;

type Upload = Pick<RawRequest, 'headers' | 'body' | 'announcedBytes' | 'afterwards'>;
type Settings = Pick<Attack, 'name' | 'slow' | 'orKinds' | 'minRequestsForRefusal'> & {
  readonly parallel: number;
  readonly upload: (number: number) => Upload;
};

/** The tables that an upload can fill. Other attacks may run at the same time, and fill others. */
const uploadTables = ['asset', 'universe_asset', 'price', 'price_quarantine', 'corporate_actions', 'refresh'] as const;
const storedBytes = async ({ sql }: Field): Promise<number> => {
  const sizes = uploadTables.map((table) => `pg_total_relation_size('${table}')`);
  return Number((await sql(`select ${sizes.join(' + ')} as bytes`))[0]!['bytes']);
};

/** One owner uploads hostile files. Meanwhile another owner uploads small files. */
const hostileUploads = (uploaders: Uploaders, { parallel, upload, ...attack }: Settings): Attack => {
  let served: Served = { share: 0, refusals: [] };
  let before = 0;
  return {
    ...attack,
    run: async (field) => {
      const { token, path } = await uploaders.attacker(field);
      before = await storedBytes(field);
      served = await uploaders.during(field, () =>
        each(field, { parallel, grouped: true }, (number, address) => {
          const { headers, ...rest } = upload(number);
          return rawRequest({
            ...field,
            address,
            method: 'POST',
            path: `${path}/prices`,
            headers: { ...headers, Authorization: `Bearer ${token}` },
            ...rest,
          });
        }),
      );
    },
    fault: async (field) => {
      if (served.share < minServedShare) {
        const reasons = countTexts(served.refusals);
        return `only ${Math.round(served.share * 100)} % of the uploads of another owner were stored (${reasons || 'none was sent'})`;
      }
      const [{ assets } = { assets: 0 }] = await field.sql(
        `select count(*)::int as assets from asset where symbol ~ '^(X[0-9]+|[xyXY]{5,})$'`,
        [],
      );
      if (Number(assets) > 0) return `${String(assets)} assets of hostile files were stored`;
      const growth = (await storedBytes(field)) - before;
      return growth > maxGrowthBytes ? `the tables of prices grew by ${Math.round(growth / mebibyte)} MiB` : undefined;
    },
  };
};

export const createUploadAttacks = () => {
  const uploaders = createUploaders();
  const attack = (settings: Settings): Attack => hostileUploads(uploaders, settings);
  return {
    decompressionBombs: attack({
      name: 'uploads of gzip bombs',
      orKinds: ['concurrency_by_caller', 'body_structure'],
      parallel: 1,
      upload: (number) => ({
        headers: { ...(number % 2 === 0 ? csv : arrow), 'Content-Encoding': 'gzip' },
        body: number % 2 === 0 ? payloads.gzipOfEmptyLines() : payloads.gzipOfZeros(),
      }),
    }),
    slow: attack({
      name: 'slow uploads',
      orKinds: ['concurrency_by_caller'],
      parallel: 200,
      upload: () => ({ headers: csv, announcedBytes: 100 * mebibyte }),
    }),
    parallel: attack({
      name: 'parallel uploads of one owner',
      parallel: 50,
      upload: () => ({ headers: csv, body: payloads.uploadOfUnknownSymbols() }),
    }),
    wideRows: attack({
      name: 'uploads with a million columns',
      parallel: 2,
      upload: () => ({ headers: csv, body: payloads.wideCsv() }),
    }),
    hugeTexts: attack({
      name: 'uploads with huge texts',
      parallel: 2,
      upload: () => ({ headers: csv, body: payloads.hugeTextCsv() }),
    }),
    aborted: attack({
      name: 'aborted uploads',
      parallel: 20,
      // The clients leave before the upload is accepted, while its first bytes are read, and later.
      upload: (number) => ({
        headers: { ...csv, ...(number % 4 > 0 && { 'Content-Encoding': encodings[number % encodings.length]! }) },
        announcedBytes: 50 * mebibyte,
        body: number % 2 === 0 ? payloads.uploadOfUnknownSymbols() : Buffer.alloc(1),
        afterwards: leaveAfter((number * 7) % 60),
      }),
    }),
  };
};
