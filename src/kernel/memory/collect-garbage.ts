import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** `last-resort` also gives free pages back to the system. It takes about 0.1 s. */
export type CollectGarbage = (flavor?: 'last-resort') => void;

/** The function of V8 that collects all garbage. It exists only with a flag, which stays set for no longer than needed. */
export const createCollectGarbage = (): CollectGarbage => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: Readonly<Record<string, string>>) => void;
  setFlagsFromString('--no-expose-gc');
  return (flavor) => collect({ type: 'major', execution: 'sync', ...(flavor && { flavor }) });
};
