import { setFlagsFromString } from 'node:v8';

/**
 * Bodies live outside the heap. By default V8 marks the whole heap again whenever 64 MB of them have gathered, however
 * large the heap may be: with batches of some megabytes more processor time than the prices. Counted as a part of the
 * heap they are collected when that has grown in proportion. See docs/decisions/0093.
 */
export const countBodiesAsHeap = (): void => {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
};
