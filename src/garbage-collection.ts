import { setFlagsFromString } from 'node:v8';

/**
 * Request bodies are stored outside the V8 heap. By default V8 marks the whole heap again for every 64 MB of them, for
 * any
 * size of the heap. For batches of some megabytes this needs more processor time than the pricing. With this flag the
 * bodies
 * count as a part of the heap, and V8 collects them when the heap has grown in proportion. See docs/decisions/0093.
 */
export const countBodiesAsHeap = (): void => {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
};
