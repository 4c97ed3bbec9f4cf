import { spawnSync } from 'node:child_process';

type Exception = { readonly count: number; readonly because: string };

const constants = (count = 1): Exception => ({ count, because: 'the keys are constants' });
const assets = (count = 1): Exception => ({
  count,
  because: 'the keys are ids and positions of assets, which the service numbers, once each',
});
const own = (count = 1): Exception => ({ count, because: 'the service numbers its own tasks' });
const columns = (count: number): Exception => ({
  count,
  because: 'a stream has at most 256 columns, and a key for each',
});

/** Maps and Sets of src whose keys are numbers: how many in each file, and why no caller can fill a bucket with them. */
const exceptions: Readonly<Record<string, Exception>> = {
  'src/http/pages/openapi/responses.ts': constants(),
  'src/http/server/request-head.ts': constants(),
  'src/kernel/arrow/read-messages.ts': constants(),
  'src/kernel/arrow/read-type.ts': constants(),
  'src/kernel/lists/integer-map.ts': { count: 1, because: 'the keys are mixed with a secret' },
  'src/kernel/requests/json-names.ts': { count: 2, because: 'the keys are hashes with a secret' },
  'src/mail/recipient-refusals.ts': constants(),
  'src/market-data/indexes/calculation/collect-bars.ts': assets(),
  'src/market-data/indexes/calculation/open-day.ts': assets(),
  'src/market-data/indexes/calculation/pending-actions.ts': assets(),
  'src/market-data/providers/http/provider-requests.ts': constants(),
  'src/market-data/providers/twelve-data-wire.ts': constants(),
  'src/market-data/reads/explained-day.ts': assets(2),
  'src/market-data/series/store-series.ts': assets(),
  'src/market-data/series/stored/paged-rows.ts': assets(2),
  'src/market-data/series/stored/series-sizes.ts': assets(),
  'src/market-data/series/stored/stored-closes.ts': assets(),
  'src/market-data/series/stored/stored-series.ts': assets(4),
  'src/market-data/uploads/formats/arrow/kept-dictionaries.ts': columns(2),
  'src/market-data/uploads/held-days.ts': assets(),
  'src/market-data/uploads/series-check.ts': assets(),
  'src/market-data/uploads/splits/unadjust-upload.ts': assets(),
  'src/market-data/uploads/store-upload.ts': assets(2),
  'src/pricing/arrow/read-columns.ts': columns(2),
  'src/pricing/arrow/read-schema.ts': columns(1),
  'src/pricing/batch/columns/resolve-columns.ts': { count: 1, because: 'at most 1,024 results are kept' },
  'src/pricing/calibration/read-calibration.ts': { count: 1, because: 'a calibration has at most 1,000 quotes' },
  'src/pricing/engines/finite-difference/grid-price.ts': constants(),
  'src/pricing/grid/write-grid-arrow.ts': { count: 1, because: 'each row is looked up once, and has one number' },
  'src/pricing/workers/channel/frame-reader.ts': own(),
  'src/pricing/workers/lanes/lane.ts': own(),
  'src/pricing/workers/serve.ts': own(),
  'src/webhooks/sender/sender-thread.ts': own(),
  'src/webhooks/sender/sender.ts': own(),
};

const finding = /^(?<path>[^:]+):(?<line>\d+):\d+: .*its keys are numbers/gm;

export type NumberKeys = { readonly path: string; readonly line: number };

/** Each Map and Set whose keys are numbers. The linter knows the types, and `marked-keys.d.ts` marks the constructors. */
export const findNumberKeys = (path = 'src'): NumberKeys[] => {
  const { stdout, stderr, error } = spawnSync(
    'node_modules/.bin/oxlint',
    ['--type-aware', '--allow=all', '--deny=typescript/no-deprecated', '--format=unix', path],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (error !== undefined || stderr !== '') throw new Error(`oxlint: ${error?.message ?? stderr}`);
  return [...stdout.matchAll(finding)].map(({ groups }) => ({ path: groups!['path']!, line: Number(groups!['line']) }));
};

/**
 * Maps and Sets with numbers as keys that have no reason. V8 hashes numbers without a secret, so a caller can choose numbers that are all
 * compared with each other. See docs/decisions/0394 and docs/decisions/0395.
 */
export const numberKeyFaults = (
  found = findNumberKeys(),
  allowed: Readonly<Record<string, Exception>> = exceptions,
): string[] => {
  const linesOf = Map.groupBy(found, ({ path }) => path);
  const paths = new Set([...linesOf.keys(), ...Object.keys(allowed)]);
  return [...paths].flatMap((path) => {
    const lines = (linesOf.get(path) ?? []).map(({ line }) => line);
    const count = allowed[path]?.count ?? 0;
    if (lines.length === count) return [];
    return [
      `${path}: ${lines.length} Maps and Sets have numbers as keys (lines ${lines.join(', ')}), and ${count} have a reason. Use an array, or createIntegerMap for numbers of a caller, or change scripts/check/code/number-keys.ts.`,
    ];
  });
};
