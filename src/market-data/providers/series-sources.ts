/** Where the prices of a series come from. */
export const seriesSources = ['sample', 'twelve_data', 'tiingo', 'upload'] as const;
export type SeriesSource = (typeof seriesSources)[number];
