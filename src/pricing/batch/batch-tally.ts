import type { Model } from '../models/models.ts';

type Label = Model['name'] | 'unknown';
export type Outcome = 'ok' | 'invalid' | 'failed';
export const outcomes = ['ok', 'invalid', 'failed'] as const;

/** Rows by model and outcome; plain data, so that a worker can send it. */
export type TallyData = {
  readonly byModel: ReadonlyMap<Label, Readonly<Record<Outcome, number>>>;
  /** Number of failed rows whose method did not converge. */
  readonly notConverged: ReadonlyMap<Label, number>;
  readonly styles: ReadonlySet<string>;
};

export type Tally = TallyData & {
  readonly add: (model: Model | undefined, outcome: Outcome, count?: number) => void;
  /** Counts a row that could not be priced. @param detail the reason */
  readonly fail: (model: Model | undefined, detail: string) => void;
} & {
  readonly styles: Set<string>;
};

/** Whether the detail of an engine failure begins with the code `not_converged`. */
export const isNotConverged = (detail: string): boolean => detail.startsWith('not_converged');

/**
 * Counts the outcomes of rows. They are reported once per batch, so that 100,000 rows need only a few metric updates.
 */
export const createTally = (): Tally => {
  const byModel = new Map<Label, Record<Outcome, number>>();
  const notConverged = new Map<Label, number>();
  const labelOf = (model: Model | undefined): Label => model?.name ?? 'unknown';
  const add: Tally['add'] = (model, outcome, count = 1) => {
    if (count === 0) return;
    const label = labelOf(model);
    let counts = byModel.get(label);
    if (counts === undefined) byModel.set(label, (counts = { ok: 0, invalid: 0, failed: 0 }));
    counts[outcome] += count;
  };
  return {
    byModel,
    notConverged,
    styles: new Set<string>(),
    add,
    fail: (model, detail) => {
      add(model, 'failed');
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
