import { createByteCount } from '#src/kernel/memory/byte-count.ts';
import { ByteBlocks } from '#src/kernel/streams/byte-blocks.ts';
import type { LaneTask } from '#src/pricing/workers/lanes/lane-task.ts';
import type { LaneOptions } from '#src/pricing/workers/lanes/lane-options.ts';
import { createLargeTexts } from '#src/pricing/workers/lanes/large-texts.ts';
import { call } from '../../setup.ts';

const ignore = (): void => {};

/** A lane with one process and one place. */
export const laneParts = {
  largeTexts: createLargeTexts(1),
  arriving: createByteCount(),
  processes: 1,
  places: { all: 1, large: 1, jobs: 1, largeJobs: 1, brief: { ms: 100, rowMs: 20 } },
  niceness: 0,
  keptBytes: 1e9,
  heapMegabytes: 64,
  stallMs: 60_000,
  cancelGraceMs: 1_000,
  onEnd: ignore,
  onStartError: ignore,
  onNotStarted: ignore,
  onDisplaced: ignore,
  onSuspicion: ignore,
  onChange: ignore,
} satisfies Partial<LaneOptions>;

/** A batch of one option. */
export const laneTask = (
  id: number,
  facts: Pick<LaneTask, 'expectedMs' | 'replied' | 'lost'> & { readonly symbol?: string },
): LaneTask => {
  const { symbol, ...rest } = facts;
  const body = ByteBlocks.of(Buffer.from(JSON.stringify({ options: [{ ...call, ...(symbol && { symbol }) }] })));
  return {
    head: { id, request: { input: 'json', answer: ['json'], jsonDepth: 20 } },
    body,
    bytes: body.byteLength,
    parsedBytes: body.byteLength,
    caller: 'a',
    kind: 'batch',
    expectedRowMs: 0,
    isUncertain: false,
    isUnderestimated: false,
    limits: { maxMs: 1e9 },
    losses: 0,
    runsAlone: false,
    ...rest,
  };
};
