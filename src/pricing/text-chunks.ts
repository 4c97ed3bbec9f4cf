const chunkCharacters = 65_536;

export type TextChunks = {
  readonly add: (text: string) => void;
  /** Everything added, as UTF-8. */
  readonly bytes: () => Uint8Array[];
};

/** Text gathered into buffers of some 64 KiB: one large string would be held twice, and only in one piece. */
export const createTextChunks = (): TextChunks => {
  const chunks: Uint8Array[] = [];
  let pending = '';
  const flush = (): void => {
    if (pending !== '') chunks.push(new Uint8Array(Buffer.from(pending)));
    pending = '';
  };
  return {
    add: (text) => {
      pending += text;
      if (pending.length >= chunkCharacters) flush();
    },
    bytes: () => {
      flush();
      return chunks;
    },
  };
};
