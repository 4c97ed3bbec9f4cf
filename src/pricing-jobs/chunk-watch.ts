export type ChunkWatchDeps = {
  /** False when the chunk has been removed, so that nobody waits for its result. */
  readonly isWanted: () => Promise<boolean>;
  readonly everyMs: number;
};

export type ChunkWatch = {
  /** Aborts when the chunk has been removed. */
  readonly signal: AbortSignal;
  readonly stop: () => void;
};

/** Looks again and again whether a chunk that is being priced still exists. */
export const watchChunk = ({ isWanted, everyMs }: ChunkWatchDeps): ChunkWatch => {
  const removed = new AbortController();
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = async (): Promise<void> => {
    // A database that does not answer says nothing about the chunk.
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
