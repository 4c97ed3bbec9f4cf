import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const dropped = (now: Scrape): number => now.sum('volwatch_telemetry_dropped_total', { signal: 'traces' });
const common = {
  group: 'collector',
  probe: 'price',
  codes: [],
  spansLost: true,
  deadlineMs: 1_500,
  holdMs: 25_000,
  hasEffect: (before: Scrape, now: Scrape) => dropped(now) > dropped(before),
} as const;

/** Faults of the span collector. Callers must not notice them. Spans are dropped and counted. */
export const collectorCells: readonly Cell[] = [
  {
    ...common,
    name: 'cut',
    how: 'connections are reset and refused',
    inject: ({ links }) => links.collector.cut(),
    heal: ({ links }) => links.collector.heal(),
  },
  {
    ...common,
    name: 'black hole',
    how: 'bytes vanish, connections stay open',
    inject: ({ links }) =>
      links.collector.addToxic({ type: 'timeout', attributes: { timeout: 0 }, stream: 'upstream' }),
    heal: ({ links }) => links.collector.heal(),
  },
];
