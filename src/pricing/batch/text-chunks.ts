const chunkCharacters = 65_536;

export type TextChunks = {
  readonly add: (text: string) => void;
  readonly addBytes: (bytes: Uint8Array) => void;
  /** Everything added, as UTF-8. */
  readonly bytes: () => Uint8Array[];
};

/** UTF-8 in memory of its own, which can be transferred: `Buffer.from` would take it from a shared pool. */
export const utf8 = (text: string): Uint8Array => {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
};

/** Text gathered into buffers of some 64 KiB: one large string would be held twice, and only in one piece. */
export const createTextChunks = (): TextChunks => {
  const chunks: Uint8Array[] = [];
  let pending = '';
  const flush = (): void => {
    if (pending !== '') chunks.push(utf8(pending));
    pending = '';
  };
  return {
    add: (text) => {
      pending += text;
      if (pending.length >= chunkCharacters) flush();
    },
    addBytes: (bytes) => {
      flush();
      chunks.push(bytes);
    },
    bytes: () => {
      flush();
      return chunks;
    },
  };
};
