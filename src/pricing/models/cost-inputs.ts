/** The members of a row that its cost depends on, not validated. Dates are resolved before. */
export type CostInputs = {
  readonly model?: unknown;
  readonly exercise_style?: unknown;
  readonly option_type?: unknown;
  readonly steps?: unknown;
  readonly precision?: unknown;
  readonly dividends?: unknown;
  /** The number of dividends, if it is known without the list of them. */
  readonly dividendCount?: number | undefined;
  readonly time_to_expiry?: unknown;
  readonly heston?: unknown;
  readonly rate?: unknown;
  readonly dividend_yield?: unknown;
  readonly volatility?: unknown;
  readonly spot?: unknown;
  readonly strike?: unknown;
  readonly barrier_type?: unknown;
  readonly rebate?: unknown;
};

/** Number of prices that `writeNumericGreeks` calculates. */
export const numericGreeks = 72;

export const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback);
