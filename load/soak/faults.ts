import type { Cell } from '../chaos/cell.ts';
import { matrix } from '../chaos/matrix.ts';
import { childrenOf } from '#testkit/measures/processes.ts';

/** Groups whose faults come from outside, so that the same process runs from the first minute to the last. */
const groups: ReadonlySet<string> = new Set([
  'postgres',
  'redis',
  'twelve_data',
  'google_calendar',
  'smtp',
  'replica',
  'tiingo',
  'collector',
]);

const restarts = 'volwatch_workers_restarts_total';

/** In production there are no fault points, so this is a kill from outside. */
const pricingProcessesKilled: Cell = {
  group: 'workers',
  name: 'killed',
  how: 'SIGKILL to each pricing process',
  probe: 'price',
  codes: [],
  deadlineMs: 3_000,
  inject: ({ service }) => {
    for (const pid of childrenOf(service().pid)) process.kill(pid, 'SIGKILL');
  },
  heal: () => {},
  hasEffect: (before, now) => now.sum(restarts) > before.sum(restarts),
};

const frozen = (cell: Cell): boolean => cell.group === 'process' && cell.name === 'SIGSTOP';

/**
 * Cells that leave the process alive, but not the run as it was: a second instance needs memory that is not measured, and the
 * people of the load do not connect their calendars again.
 */
const unusable: ReadonlySet<string> = new Set(['two instances at once', 'consent ended']);

/** The cells of the matrix that leave the process alive. */
const usable = (cell: Cell): boolean =>
  cell.topology === undefined &&
  cell.faultPoint === undefined &&
  (groups.has(cell.group) || frozen(cell)) &&
  !unusable.has(cell.name);

/** One fault of each group in turn, so that a short run meets every dependency. */
export const soakFaults = (): readonly Cell[] => {
  const byGroup = [...Map.groupBy([...matrix.filter(usable), pricingProcessesKilled], ({ group }) => group).values()];
  const longest = Math.max(...byGroup.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => byGroup.flatMap((cells) => cells[turn] ?? [])).flat();
};
