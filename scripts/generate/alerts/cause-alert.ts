/**
 * An alert on a cause, beside the alerts on budgets. A page is for what callers feel now, a ticket for what can wait
 * for the morning. `proof` becomes a unit test of Prometheus: series at one-minute steps in its notation (`0+6x10`
 * counts up, `1x10` stays), and the minutes at which the alert is quiet, fires, and is over.
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
    /** The summary as it reads when firing. */
    readonly summary: string;
  };
};
