import { setFlagsFromString } from 'node:v8';

/**
 * Raises V8's limits for inlining, so that the small functions of an engine are inlined into its kernel. With the
 * default limits half of them remain calls. A call boxes the double that it returns, and a price takes nearly twice as
 * long. Call this before the first price, because kernels that are already compiled do not change.
 */
export const allowDeepInlining = (): void => {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=5000');
  setFlagsFromString('--max-inlined-bytecode-size=1500');
};
