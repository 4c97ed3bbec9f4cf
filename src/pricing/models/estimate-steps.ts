import type { Steps } from '#src/kernel/streams/turns.ts';
import type { Wanted } from '../request/calculate.ts';
import type { CostInputs } from './cost-inputs.ts';
import { estimateOf, type WorkEstimate } from './cost.ts';

/** Rows of one step of an estimate: 2 ms at most, for rows with contracts. */
const estimatedAtOnce = 250;

/** The estimate of very many rows in small steps. */
export const estimateSteps = function* (rows: Iterator<CostInputs>, wanted: Wanted): Steps<WorkEstimate> {
  const state = { isDone: false };
  const some = function* (): Generator<CostInputs> {
    for (let count = 0; count < estimatedAtOnce; count++) {
      const next = rows.next();
      if (next.done === true) {
        state.isDone = true;
        return;
      }
      yield next.value;
    }
  };
  const total = estimateOf(some(), wanted);
  while (!state.isDone) {
    yield;
    const part = estimateOf(some(), wanted);
    const { maxRowMs, model } = part.maxRowMs > total.maxRowMs ? part : total;
    // A part has the flags that are true, so a flag stays.
    Object.assign(total, part, { maxRowMs, model, totalMs: total.totalMs + part.totalMs });
  }
  return total;
};
