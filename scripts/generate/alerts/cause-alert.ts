/**
 * An alert on a cause, in addition to the alerts on error budgets. A page is for effects that callers notice now; a
 * ticket can wait until the morning. `proof` becomes a unit test of Prometheus. It has series at one-minute steps in
 * Prometheus notation (`0+6x10` counts up, `1x10` is constant), and the minutes at which the alert is quiet, fires and
 * is over.
 */
export type CauseAlert = {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
  readonly description: string;
  readonly proof: {
    readonly series: Readonly<Record<string, string>>;
    readonly quiet: number;
    readonly fires: number;
    readonly over: number;
    readonly labels: Readonly<Record<string, string>>;
    /** The text of the summary when the alert fires. */
    readonly summary: string;
  };
};
