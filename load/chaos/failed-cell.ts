import type { Cell, CellResult } from './cell.ts';

/**
 * The result of a cell that threw, so that the cells after it still run.
 * @param from start of the cell, in Unix seconds
 */
export const failedCell = ({ group, name, how }: Cell, error: unknown, from: number): CellResult => {
  const to = Date.now() / 1_000;
  const none = { requests: 0, served: 0 };
  return {
    group,
    name,
    how,
    passed: false,
    checks: [
      {
        name: 'the cell ran to its end',
        passed: false,
        detail: error instanceof Error ? (error.stack ?? '') : String(error),
      },
    ],
    detectionMs: undefined,
    recoveryMs: undefined,
    answers: { ok: 0, refused: 0, unanswered: 0 },
    phases: { before: none, during: none, after: none },
    slowestMs: 0,
    traceId: undefined,
    window: { from, injected: from, healed: to, to },
  };
};
