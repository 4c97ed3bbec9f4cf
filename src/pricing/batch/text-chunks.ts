const chunkCharacters = 65_536;

export type TextChunks = {
  readonly add: (text: string) => void;
  readonly addBytes: (bytes: Uint8Array) => void;
  /** Everything added, as UTF-8. */
  readonly bytes: () => Uint8Array[];
};

/**
 * Encodes text as UTF-8 in a buffer with its own memory, which can be transferred. `Buffer.from` would use a shared
 * pool.
 */
export const utf8 = (text: string): Uint8Array => {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
};

/**
 * Collects text in buffers of about 64 KiB. One large string would be in memory twice, as text and as bytes, and each
 * time in one piece.
 */
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
