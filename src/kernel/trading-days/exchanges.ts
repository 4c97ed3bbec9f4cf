/**
 * The exchanges whose trading days are known, by the market identifier codes of ISO 10383. The days are in
 * trading-days.json, which scripts/generate/trading-days writes.
 */
export const exchanges = [
  'XNYS',
  'XNAS',
  'XTSE',
  'XLON',
  'XETR',
  'XPAR',
  'XAMS',
  'XSWX',
  'XTKS',
  'XHKG',
  'XASX',
] as const;
export type Exchange = (typeof exchanges)[number];
