/**
 * Multi-window burn-rate alerts (Site Reliability Workbook, chapter 5). At a burn rate of 1 the budget lasts for the
 * whole window. The short window lets an alert resolve soon after the burn rate falls.
 */
export type Burn = {
  readonly factor: number;
  readonly long: string;
  readonly short: string;
  readonly severity: 'page' | 'ticket';
  /** Share of a 30-day budget that is used when the alert fires. */
  readonly spent: string;
};

export const burns: readonly Burn[] = [
  { factor: 14.4, long: '1h', short: '5m', severity: 'page', spent: '2 %' },
  { factor: 6, long: '6h', short: '30m', severity: 'page', spent: '5 %' },
  { factor: 3, long: '1d', short: '2h', severity: 'ticket', spent: '10 %' },
  { factor: 1, long: '3d', short: '6h', severity: 'ticket', spent: '10 %' },
];

export const severityOf = (slo: { readonly pages: boolean }, burn: Burn): 'page' | 'ticket' =>
  slo.pages ? burn.severity : 'ticket';
