import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import { parseDailyBars, parseMonthlyCloses } from './csv.ts';
import type { FetchedSeries, MarketDataProvider } from './provider.ts';

type SampleFile = { readonly file: string; readonly parse: (text: string) => FetchedSeries[] };

const sampleFiles: Readonly<Record<string, SampleFile>> = {
  tech5: {
    file: 'stocks.csv',
    parse: (text) => [...parseMonthlyCloses(text)].map(([symbol, prices]) => ({ symbol, prices })),
  },
  sp500: {
    file: 'sp500-2000.csv',
    parse: (text) => [{ symbol: '^GSPC', prices: parseDailyBars(text) }],
  },
};

/** The universes that have sample data. */
export const sampleUniverses: readonly string[] = Object.keys(sampleFiles);

/** Directory of the bundled CSV files. */
export const sampleDataDirectory = join(import.meta.dirname, '../sample-data');

export type SampleFileProviderDeps = { readonly directory: string };

/** Reads the bundled universes from CSV files, without network access. */
export const createSampleFileProvider = ({ directory }: SampleFileProviderDeps): MarketDataProvider => ({
  source: 'sample',
  fetch: async (universe, signal) => {
    const sample = Object.hasOwn(sampleFiles, universe.name) ? sampleFiles[universe.name] : undefined;
    if (!sample) throw new AppError('external_api_unavailable', 'There is no sample data for this universe');
    let text: string;
    try {
      text = await readFile(join(directory, sample.file), { encoding: 'utf8', signal });
    } catch (cause) {
      throw new AppError('external_api_unavailable', 'The sample data cannot be read', { cause });
    }
    return { source: 'provider', series: sample.parse(text) };
  },
});
