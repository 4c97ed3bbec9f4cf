/** The sum of bytes that are held at the same time. */
export type ByteCount = {
  /** @returns ends the count of these bytes, once */
  readonly add: (bytes: number) => () => void;
  readonly total: () => number;
};

export const createByteCount = (): ByteCount => {
  let total = 0;
  return {
    add: (bytes) => {
      total += bytes;
      let left = bytes;
      return () => {
        total -= left;
        left = 0;
      };
    },
    total: () => total,
  };
};
