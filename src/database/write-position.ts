/** A position in the write-ahead log, `16/B374D848`, as a number that can be compared. */
export const parsePosition = (text: string): bigint => {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
};

/** How far the primary had got at which moment. */
export type WritePositions = {
  /** What this process has committed up to: a replica is only read once it has come as far. */
  readonly floor: () => bigint;
  /** After a commit. Undefined when the position could not be learned: then no replica is read until the next sample. */
  readonly committed: (position: bigint | undefined) => void;
  /** The primary's position now, and the monotonic milliseconds when it was asked for. */
  readonly sample: (position: bigint, at: number) => void;
  /**
   * Milliseconds that a replica at `position` is behind, at `now`: the age of the oldest sample that it has not reached.
   * Needs no clock of the servers', and grows no further while the primary is away, when nothing is written.
   */
  readonly behind: (position: bigint, now: number) => number;
};

/** Older samples than this many say only "far behind". */
const kept = 120;

export const createWritePositions = (): WritePositions => {
  const samples: { readonly position: bigint; readonly at: number }[] = [];
  let floor = 0n;
  let unknown = false;
  return {
    floor: () => floor,
    committed: (position) => {
      if (position === undefined) unknown = true;
      else if (position > floor) floor = position;
      if (unknown) floor = BigInt(Number.MAX_SAFE_INTEGER) << 64n;
    },
    sample: (position, at) => {
      if (unknown) {
        unknown = false;
        floor = position;
      }
      samples.push({ position, at });
      if (samples.length > kept) samples.shift();
    },
    behind: (position, now) => {
      const missing = samples.find((sample) => sample.position > position);
      return missing === undefined ? 0 : now - missing.at;
    },
  };
};
