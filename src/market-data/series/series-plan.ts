import type { PriceBar } from '../providers/provider.ts';
import type { SeriesSource } from '../providers/series-sources.ts';
import type { Interval } from './periods.ts';

/** Why a bar was held back. */
export const holdReasons = ['moved_too_far', 'impossible', 'second_in_period', 'restated', 'short_answer'] as const;
export type HoldReason = (typeof holdReasons)[number];

/** A bar that was not stored. `price` is the price that decided, `reference` the price that it was compared with. */
export type QuarantinedPrice = {
  readonly symbol: string;
  readonly date: string;
  readonly price: number;
  readonly reference: number;
  readonly reason: HoldReason;
};

export const replacementReasons = ['restated', 'source_changed'] as const;

/** A series whose stored history was replaced. `factor` is fetched price divided by stored price. */
export type ReplacedSeries = {
  readonly symbol: string;
  readonly reason: (typeof replacementReasons)[number];
  readonly factor?: number;
};

export const seriesHoldReasons = ['restated', 'short_answer', 'moved_too_far'] as const;

/** A series of which nothing was stored. */
export type HeldBackSeries = {
  readonly symbol: string;
  readonly reason: (typeof seriesHoldReasons)[number];
  readonly factor?: number;
};

/** Where the prices of a series come from. Null: stored by a version that did not record it. */
export type SeriesOrigin = { readonly source: SeriesSource | null; readonly interval: Interval | null };

export type StoredSeries = {
  readonly origin: SeriesOrigin;
  /** The stored bars from the first requested day on, oldest first. */
  readonly bars: readonly PriceBar[];
  /** The last bar before the first requested day. */
  readonly before: PriceBar | undefined;
};

export type PlanContext = {
  readonly source: SeriesSource | null;
  readonly interval: Interval;
  /** False for the data of an earlier fetch: bars that they lack may be newer than they are. */
  readonly current: boolean;
  /** The series has bars before or after the fetched ones, so a common factor would give it two units. Default: false. */
  readonly isPart?: boolean;
  /** The answer is the end of a series that must be stored already, from the same source. Default: false. */
  readonly isTail?: boolean;
  /** The bars have the prices as they were traded, with all splits and dividends, so these are judged too. Default: false. */
  readonly tellsActions?: boolean;
  /** A price, or a whole series, that changes by more than this factor is held back. */
  readonly quarantineFactor: number;
};

/** What a refresh does with one series. */
export type SeriesPlan = {
  readonly symbol: string;
  /** Number of fetched bars that are part of the series now. */
  readonly accepted: number;
  /** Bars to write: those that are new or differ from the stored ones. */
  readonly changed: readonly PriceBar[];
  /** Dates of stored bars to delete. */
  readonly removed: readonly string[];
  /** True: all stored bars are deleted first. */
  readonly removesAll: boolean;
  /** The bars before the first requested day are multiplied by this factor. */
  readonly rescaleBefore: number | undefined;
  readonly held: readonly QuarantinedPrice[];
  /** Number of bars held back. It can be larger than the length of `held`. */
  readonly heldCount: number;
  readonly replaced: ReplacedSeries | undefined;
  readonly heldBack: HeldBackSeries | undefined;
};
