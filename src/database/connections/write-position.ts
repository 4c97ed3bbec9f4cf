/** Parses a position of the write-ahead log, for example `16/B374D848`, to a number that can be compared. */
export const parsePosition = (text: string): bigint => {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
};

/** Remembers which position the primary had at which time. */
export type WritePositions = {
  /** The position of the last commit of this process. A replica must have reached it to be read. */
  readonly floor: () => bigint;
  /**
   * Must be called after a commit. Undefined means that the position is not known: no replica is read until the next
   * sample.
   */
  readonly committed: (position: bigint | undefined) => void;
  /** @param position of the primary @param atMs monotonic milliseconds of the request for it */
  readonly sample: (position: bigint, atMs: number) => void;
  /**
   * The lag in milliseconds of a replica at `position`: the age of the oldest sample that it has not reached. The
   * clocks of the servers do not matter. The lag does not grow while the primary is down, because nothing is written
   * then.
   */
  readonly lagMs: (position: bigint, nowMs: number) => number;
};

/** Older samples are not needed, because a replica so far behind is excluded anyway. */
const maxSamples = 120;

export const createWritePositions = (): WritePositions => {
  const samples: { readonly position: bigint; readonly atMs: number }[] = [];
  let floor = 0n;
  let unknown = false;
  return {
    floor: () => floor,
    committed: (position) => {
      if (position === undefined) unknown = true;
      else if (position > floor) floor = position;
      if (unknown) floor = BigInt(Number.MAX_SAFE_INTEGER) << 64n;
    },
    sample: (position, atMs) => {
      if (unknown) {
        unknown = false;
        floor = position;
      }
      samples.push({ position, atMs });
      if (samples.length > maxSamples) samples.shift();
    },
    lagMs: (position, nowMs) => {
      const missing = samples.find((sample) => sample.position > position);
      return missing === undefined ? 0 : nowMs - missing.atMs;
    },
  };
};
