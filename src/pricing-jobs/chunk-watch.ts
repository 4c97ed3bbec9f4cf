export type ChunkWatchDeps = {
  /** False if the chunk was removed or its caller has ended, so that its result is not needed. */
  readonly isWanted: () => Promise<boolean>;
  readonly everyMs: number;
};

export type ChunkWatch = {
  /** Aborts when the chunk is not wanted any more. */
  readonly signal: AbortSignal;
  readonly stop: () => void;
};

/** Checks every `everyMs` milliseconds whether a chunk that is being priced is still wanted. */
export const watchChunk = ({ isWanted, everyMs }: ChunkWatchDeps): ChunkWatch => {
  const unwanted = new AbortController();
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    // A database error does not mean that the chunk is not wanted.
    const wanted = await isWanted().catch(() => true);
    if (stopped) return;
    if (wanted) schedule();
    else unwanted.abort();
  };
  const schedule = (): void => {
    timer = setTimeout(() => void look(), everyMs);
  };
  schedule();
  return {
    signal: unwanted.signal,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
};
