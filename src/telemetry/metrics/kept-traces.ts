export type KeptTracesOptions = {
  /** Percent of the traces that the Collector keeps by their id, besides failed and slow ones. */
  readonly percent: number;
  /** Duration in seconds from which on the Collector keeps a trace. */
  readonly slowSeconds: number;
};

/** Whether the Collector keeps the trace in which an operation took so long. */
export type IsKept = (traceId: string, seconds: number) => boolean;

/** The salt of the probabilistic policy of tail sampling, if its configuration names none. */
const salt = 'default-hash-seed';
const maxHash = (1n << 64n) - 1n;
const mask32 = 0xff_ff_ff_ff;

/** The state of an FNV-1a hash of 64 bits: its upper and its lower half, because numbers have only 53 bits. */
type Hash = { upper: number; lower: number };

/** Adds a byte: hash = (hash xor byte) * 0x100000001b3. https://datatracker.ietf.org/doc/html/draft-eastlake-fnv-17 */
const add = (hash: Hash, byte: number): void => {
  const lower = (hash.lower ^ byte) >>> 0;
  const product = lower * 0x1_b3;
  const carry = Math.floor(product / 2 ** 32);
  // 0x100000001b3 = 2^40 + 0x1b3. The lower half times 2^40 goes to the upper half, shifted by 8 bits.
  hash.upper = (Math.imul(hash.upper, 0x1_b3) + carry + (lower << 8)) >>> 0;
  hash.lower = (product & mask32) >>> 0;
};

const saltHash = (): Hash => {
  const hash = { upper: 0xcb_f2_9c_e4, lower: 0x84_22_23_25 };
  for (const byte of Buffer.from(salt)) add(hash, byte);
  return hash;
};

/**
 * Tells which traces tail sampling keeps, because an exemplar of another trace leads nowhere. It calculates what the
 * policy `probabilistic` of the Collector does (tailsamplingprocessor, internal/sampling/probabilistic.go): the FNV-1a hash
 * of salt and trace id is at most `percent` of 2^64 - 1. A failed trace is kept too, but the failure is not known yet.
 */
export const createKeptTraces = ({ percent, slowSeconds }: KeptTracesOptions): IsKept => {
  if (percent >= 100) return () => true;
  const threshold = (maxHash * BigInt(Math.round(percent * 1_000_000))) / 100_000_000n;
  const maxUpper = Number(threshold >> 32n);
  const maxLower = Number(threshold & BigInt(mask32));
  const start = saltHash();
  const isInShare = (traceId: string): boolean => {
    const hash = { ...start };
    for (let at = 0; at < traceId.length; at += 2) add(hash, Number.parseInt(traceId.slice(at, at + 2), 16));
    return hash.upper < maxUpper || (hash.upper === maxUpper && hash.lower <= maxLower);
  };
  // One request observes several durations, one after the other.
  let last = { traceId: '', isInShare: false };
  return (traceId, seconds) => {
    if (seconds >= slowSeconds) return true;
    if (last.traceId !== traceId) last = { traceId, isInShare: isInShare(traceId) };
    return last.isInShare;
  };
};
