/**
 * The results of the bundled sample data, which tests and `npm run smoke` compare with the service. The values were
 * computed outside this project, so a new index needs its value from another program.
 */
export const lastIndexValues: readonly { readonly code: string; readonly date: string; readonly value: number }[] = [
  { code: 'SP500', date: '2020-04-17', value: 1975.3440142 },
  { code: 'TECH5_EW', date: '2010-03-01', value: 3663.230343 },
  { code: 'TECH5_PW', date: '2010-03-01', value: 2789.5576355 },
];

/** The codes of the indexes of the sample data, in the order of `GET /indexes`. */
export const indexCodes: readonly string[] = lastIndexValues.map(({ code }) => code).toSorted();

/** Number of rows that one refresh of each universe writes: 123 months for tech5, 5105 days for sp500. */
export const refreshCounts = {
  tech5: {
    assets: 5,
    prices: 560,
    index_values: 123 * indexCodes.filter((code) => code.startsWith('TECH5_')).length,
  },
  sp500: { assets: 1, prices: 5_105, index_values: 5_105 },
} as const;
