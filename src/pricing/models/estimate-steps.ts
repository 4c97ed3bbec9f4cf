import type { Wanted } from '../request/calculate.ts';
import type { CostInputs } from './cost-inputs.ts';
import { estimateOf, type WorkEstimate } from './cost.ts';

/** Rows of one step of an estimate: 2 ms at most, for rows with contracts. */
const estimatedAtOnce = 250;

/** The estimate of very many rows in small steps. */
export const estimateSteps = function* (
  rows: Iterator<CostInputs>,
  wanted: Wanted,
): Generator<undefined, WorkEstimate, undefined> {
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
  let total = estimateOf(some(), wanted);
  while (!state.isDone) {
    yield;
    const part = estimateOf(some(), wanted);
    const slowest = part.maxRowMs > total.maxRowMs ? part : total;
    const isUncertain = total.isUncertain ?? part.isUncertain;
    total = { ...slowest, totalMs: total.totalMs + part.totalMs, ...(isUncertain && { isUncertain }) };
  }
  return total;
};
