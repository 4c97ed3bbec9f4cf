export type ChunkWatchDeps = {
  /** False if the chunk was removed, so that its result is not needed. */
  readonly isWanted: () => Promise<boolean>;
  readonly everyMs: number;
};

export type ChunkWatch = {
  /** Aborts when the chunk was removed. */
  readonly signal: AbortSignal;
  readonly stop: () => void;
};

/** Checks every `everyMs` milliseconds whether a chunk that is being priced still exists. */
export const watchChunk = ({ isWanted, everyMs }: ChunkWatchDeps): ChunkWatch => {
  const removed = new AbortController();
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    // A database error does not mean that the chunk was removed.
    const wanted = await isWanted().catch(() => true);
    if (stopped) return;
    if (wanted) schedule();
    else removed.abort();
  };
  const schedule = (): void => {
    timer = setTimeout(() => void look(), everyMs);
  };
  schedule();
  return {
    signal: removed.signal,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
};
