import type { Model } from './models.ts';

type Label = Model['name'] | 'unknown';
export type Outcome = 'ok' | 'invalid' | 'failed';
export const outcomes = ['ok', 'invalid', 'failed'] as const;

/** Rows by model and outcome; plain data, so that a worker can send it. */
export type TallyData = {
  readonly byModel: ReadonlyMap<Label, Readonly<Record<Outcome, number>>>;
  readonly styles: ReadonlySet<string>;
};

export type Tally = TallyData & {
  readonly add: (model: Model | undefined, outcome: Outcome, count?: number) => void;
} & {
  readonly styles: Set<string>;
};

/** Outcomes are counted here and reported once, so that 100,000 rows cost a handful of metric updates. */
export const createTally = (): Tally => {
  const byModel = new Map<Label, Record<Outcome, number>>();
  return {
    byModel,
    styles: new Set<string>(),
    add: (model, outcome, count = 1) => {
      if (count === 0) return;
      const label = model?.name ?? 'unknown';
      let counts = byModel.get(label);
      if (counts === undefined) byModel.set(label, (counts = { ok: 0, invalid: 0, failed: 0 }));
      counts[outcome] += count;
    },
  };
};

export const totalsOf = ({ byModel }: TallyData): Readonly<Record<Outcome, number>> => {
  const total = { ok: 0, invalid: 0, failed: 0 };
  for (const counts of byModel.values()) for (const outcome of outcomes) total[outcome] += counts[outcome];
  return total;
};

/** The one model of the batch, or that there were several. */
export const modelLabelOf = ({ byModel }: TallyData): Label | 'mixed' =>
  byModel.size > 1 ? 'mixed' : (byModel.keys().next().value ?? 'unknown');

export const styleLabelOf = ({ styles }: TallyData): string | undefined =>
  styles.size > 1 ? 'mixed' : styles.values().next().value;
