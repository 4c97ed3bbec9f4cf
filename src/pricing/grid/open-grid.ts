import { AppError, type ErrorCode } from '#src/kernel/catalogue/errors.ts';
import type { PricingDefaults } from '#src/kernel/ports/account/pricing-defaults.ts';
import { bytesOfColumns } from '../batch/answer-bytes.ts';
import { createTally } from '../batch/batch-tally.ts';
import type { AnswerSteps, PreparedBatch, Transport } from '../batch/prepared-batch.ts';
import { runAtOnce, type Steps } from '#src/kernel/streams/turns.ts';
import type { CostInputs } from '../models/cost-inputs.ts';
import type { WorkEstimate } from '../models/cost.ts';
import { estimateSteps } from '../models/estimate-steps.ts';
import type { EngineFactory } from '../models/engine-factory.ts';
import type { PricingEngine } from '../models/engine.ts';
import { createOutputs, evaluate, wantedOf } from '../request/calculate.ts';
import { nodesOf, shiftsAt } from './grid-axes.ts';
import type { GridFailure, GridResult } from './grid-result.ts';
import { readGridHead, readPositions, type Grid } from './read-grid.ts';
import { dividendsCost } from './shift-dividends.ts';
import { createShiftedOption } from './shift-option.ts';

export type GridDeps = {
  readonly engines: EngineFactory;
  readonly defaults?: PricingDefaults | undefined;
  readonly answer: Transport;
  readonly write: (result: GridResult) => AnswerSteps;
};

/** Columns beside the outputs: the position, and the shifts of spot, volatility and days. */
const coordinates = 4;
/** The rows of the positions, and a row with the totals of each node. */
const answerBytesOf = (answer: Transport, size: number, nodes: number, outputs: number): number =>
  bytesOfColumns(answer, size + nodes, outputs + coordinates);

/** A grid: row `index` of the batch is position `index / nodes` at node `index % nodes`. */
export const openGrid = (body: unknown, { engines, defaults, answer, write }: GridDeps): PreparedBatch => {
  const head = readGridHead(body, defaults);
  const { axes } = head;
  const outputs = ['price', ...head.outputs] as const;
  const nodes = nodesOf(axes);
  const size = head.given.length * nodes;
  const wanted = wantedOf(outputs, head.units);
  let positions: Grid['positions'] = [];
  const buffer = createOutputs();
  const tally = createTally();
  const values = outputs.map(() => new Float64Array(size));
  const failed = new Uint8Array(size);
  const failures: GridFailure[] = [];
  let thrown: AppError | undefined;
  let at = -1;
  let engine: PricingEngine | undefined;
  // Only the position that is priced has a shifted option, because its dividends can take megabytes.
  let shifted: ReturnType<typeof createShiftedOption> | undefined;
  const shiftedAt = (position: number) =>
    createShiftedOption(positions[position]!.option, positions[position]!.model, axes.days.length);

  const fail = (index: number, code: ErrorCode, detail: string): void => {
    failed[index] = 1;
    const position = Math.floor(index / nodes);
    failures.push({ index, position, code, detail });
    tally.fail(positions[position]!.model, { index, code, detail });
  };

  const price = (index: number): void => {
    const position = Math.floor(index / nodes);
    const { model, quantity } = positions[position]!;
    if (at !== position) {
      at = position;
      engine = undefined;
      shifted = undefined;
    }
    const { option, shift } = (shifted ??= shiftedAt(position));
    const refused = shift(...shiftsAt(axes, index % nodes));
    if (refused !== undefined) return fail(index, 'validation_failed', refused);
    engine ??= engines.engine(model);
    const failure = evaluate(engine, option, wanted, buffer);
    if (failure !== undefined) return fail(index, 'pricing_calculation_failed', failure);
    for (let k = 0; k < values.length; k++) {
      // Adding 0 turns -0 into 0.
      const value = buffer[wanted.at[k]!]! * quantity + 0;
      if (!Number.isFinite(value)) {
        return fail(index, 'pricing_calculation_failed', `${outputs[k]!} times quantity has no finite value`);
      }
      values[k]![index] = value;
    }
    tally.styles.add(option.exercise_style);
    tally.add(model, 'ok');
  };

  const costs = function* (): Generator<CostInputs> {
    for (let position = 0; position < positions.length; position++) {
      const { option, shiftNumbers } = shiftedAt(position);
      for (let node = 0; node < nodes; node++) {
        shiftNumbers(...shiftsAt(axes, node));
        yield option;
      }
    }
  };

  type Prepared = { readonly grid: Grid; readonly estimate: WorkEstimate };
  const preparing = function* (): Steps<Prepared> {
    const grid = yield* readPositions(head, engines);
    ({ positions } = grid);
    const priced = yield* estimateSteps(costs(), wanted);
    let microseconds = 0;
    for (const { option } of positions) microseconds += dividendsCost(option, axes.days.length, nodes);
    return { grid, estimate: { ...priced, totalMs: priced.totalMs + microseconds / 1000 } };
  };
  let known: Prepared | undefined;
  let refused: { readonly error: unknown } | undefined;
  /** @throws the same error for each row of a grid that is wrong, because reading it again would take as long */
  const prepared = (): Prepared => {
    if (refused !== undefined) throw refused.error;
    try {
      return (known ??= runAtOnce(preparing()));
    } catch (error) {
      refused = { error };
      throw error;
    }
  };

  return {
    format: 'grid',
    answer,
    size,
    answerBytes: answerBytesOf(answer, size, nodes, outputs.length),
    prepare: function* () {
      known = yield* preparing();
    },
    estimate: () => prepared().estimate,
    tally,
    run: (from, to) => {
      prepared();
      for (let index = from; index < to; index++) {
        try {
          price(index);
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          fail(index, error.code, error.message);
          if (error.cause !== undefined) thrown ??= error;
        }
      }
    },
    // A fault can be injected before the first row is priced, and a wrong grid is refused even then.
    fail: (index, error) => {
      prepared();
      fail(index, error.code, error.message);
    },
    thrown: () => thrown,
    finish: (computationTimeMs) => {
      const { grid } = prepared();
      const columns = ['value', ...grid.outputs];
      return write({ grid, nodes, size, columns, values, failed, failures, computationTimeMs });
    },
  };
};
