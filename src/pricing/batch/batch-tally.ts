import type { ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { Model } from '../models/models.ts';
import { outcomeOf } from '../request/failures.ts';

type Label = Model['name'] | 'unknown';
export type Outcome = 'ok' | 'invalid' | 'failed';
export const outcomes = ['ok', 'invalid', 'failed'] as const;

/** Rows by model and outcome; plain data, so that a worker can send it. */
export type TallyData = {
  readonly byModel: ReadonlyMap<Label, Readonly<Record<Outcome, number>>>;
  /** Number of failed rows whose method did not converge. */
  readonly notConverged: ReadonlyMap<Label, number>;
  readonly styles: ReadonlySet<string>;
  /** Number of rows that were not priced, by error code. */
  readonly failures: ReadonlyMap<ErrorCode, number>;
  /** The first rows that were not priced. */
  readonly firstFailures: readonly { readonly index: number; readonly code: ErrorCode }[];
};

type FailedItem = { readonly index: number; readonly code: ErrorCode; readonly detail?: string };

export type Tally = TallyData & {
  /** Counts priced rows. */
  readonly add: (model: Model | undefined, outcome: 'ok', count?: number) => void;
  /** Counts a row that could not be priced. */
  readonly fail: (model: Model | undefined, item: FailedItem) => void;
} & {
  readonly styles: Set<string>;
};

/** Number of failed rows that are named in the log line of a batch. */
const maxFirstFailures = 5;

/** Whether the detail of an engine failure begins with the code `not_converged`. */
export const isNotConverged = (detail: string): boolean => detail.startsWith('not_converged');

/**
 * Counts the outcomes of rows. They are reported once per batch, so that 100,000 rows need only a few metric updates.
 */
export const createTally = (): Tally => {
  const byModel = new Map<Label, Record<Outcome, number>>();
  const notConverged = new Map<Label, number>();
  const failures = new Map<ErrorCode, number>();
  const firstFailures: { readonly index: number; readonly code: ErrorCode }[] = [];
  const labelOf = (model: Model | undefined): Label => model?.name ?? 'unknown';
  // Consecutive rows mostly have the same model.
  let last: { readonly model: Model | undefined; readonly counts: Record<Outcome, number> } | undefined;
  const countsOf = (model: Model | undefined): Record<Outcome, number> => {
    const label = labelOf(model);
    const counts = byModel.get(label) ?? { ok: 0, invalid: 0, failed: 0 };
    byModel.set(label, counts);
    return counts;
  };
  const count = (model: Model | undefined, outcome: Outcome, added: number): void => {
    if (added === 0) return;
    if (last === undefined || last.model !== model) last = { model, counts: countsOf(model) };
    last.counts[outcome] += added;
  };
  return {
    byModel,
    notConverged,
    styles: new Set<string>(),
    failures,
    firstFailures,
    add: (model, outcome, added = 1) => count(model, outcome, added),
    fail: (model, { index, code, detail = '' }) => {
      count(model, outcomeOf(code), 1);
      failures.set(code, (failures.get(code) ?? 0) + 1);
      if (firstFailures.length < maxFirstFailures) firstFailures.push({ index, code });
      if (isNotConverged(detail)) notConverged.set(labelOf(model), (notConverged.get(labelOf(model)) ?? 0) + 1);
    },
  };
};

export const totalsOf = ({ byModel }: TallyData): Readonly<Record<Outcome, number>> => {
  const total = { ok: 0, invalid: 0, failed: 0 };
  for (const counts of byModel.values()) for (const outcome of outcomes) total[outcome] += counts[outcome];
  return total;
};

/** The model of the batch, or `mixed` if there were several. */
export const modelLabelOf = ({ byModel }: TallyData): Label | 'mixed' =>
  byModel.size > 1 ? 'mixed' : (byModel.keys().next().value ?? 'unknown');

export const styleLabelOf = ({ styles }: TallyData): string | undefined =>
  styles.size > 1 ? 'mixed' : styles.values().next().value;
