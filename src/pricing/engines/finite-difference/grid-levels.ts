import type { GridLayout, IntervalGrid } from './grid-layout.ts';

type Buffer = (count: number) => Float64Array;

/** A buffer that grows. The next view that is taken has the same numbers. */
export const createBuffer = (): Buffer => {
  let all = new Float64Array(0);
  return (count) => {
    if (all.length < count) all = new Float64Array(count);
    return all.length === count ? all : all.subarray(0, count);
  };
};

/** The nodes of one interval: node i is at `(i - middle) * step`. The step is negative for a call, and `h` is its size. */
export type Nodes = {
  readonly values: Float64Array;
  /** The spot at each node in units of the centre. */
  readonly ratios: Float64Array;
  readonly middle: number;
  readonly step: number;
  readonly h: number;
};

type OpenRatios = (grid: IntervalGrid) => Omit<Nodes, 'values'>;

/** Buffers of the nodes of all intervals, at `refinement` times the nodes of the layout. */
export const createLevels = (refinement: number) => {
  // The values after a dividend and those before it are in use at the same time.
  const valueBuffers = [createBuffer(), createBuffer()] as const;
  const ratioBuffers = { first: createBuffer(), later: createBuffer() } as const;

  /**
   * Fills the spots at the nodes of all grids with one step. Each grid has a part of them, in units of its own centre, so the
   * buffer is as long as the widest grid.
   */
  const openRatios = (
    buffer: Buffer,
    grids: readonly IntervalGrid[],
    coarseStep: number,
    isPut: boolean,
  ): OpenRatios => {
    const h = coarseStep / refinement;
    const step = isPut ? h : -h;
    const from = Math.min(...grids.map((grid) => grid.from)) * refinement;
    const to = Math.max(...grids.map((grid) => grid.to)) * refinement;
    const all = buffer(grids.length === 0 ? 0 : to - from + 1);
    const middleOfAll = isPut ? -from : to;
    for (let i = 0; i < all.length; i++) all[i] = Math.exp((i - middleOfAll) * step);
    return (grid) => {
      const middle = (isPut ? -grid.from : grid.to) * refinement;
      const count = (grid.to - grid.from) * refinement + 1;
      const begin = middleOfAll - middle;
      return { ratios: count === all.length ? all : all.subarray(begin, begin + count), middle, step, h };
    };
  };

  /** @returns what gives the nodes of an interval. They are valid until the nodes of the second next one are taken. */
  const open = ({ grids, firstStep, laterStep }: GridLayout, isPut: boolean): ((k: number) => Nodes) => {
    const [first, ...later] = grids;
    const openFirst = openRatios(ratioBuffers.first, [first!], firstStep, isPut);
    const openLater = openRatios(ratioBuffers.later, later, laterStep, isPut);
    return (k) => {
      const nodes = k === 0 ? openFirst(first!) : openLater(grids[k]!);
      return { ...nodes, values: valueBuffers[k % 2]!(nodes.ratios.length) };
    };
  };
  return { open };
};
