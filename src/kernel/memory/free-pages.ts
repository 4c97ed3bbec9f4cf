import koffi from 'koffi';

/** Gives free pages inside the memory of the C library back to the system. It waits for that, about 0.1 ms for each megabyte. */
export type GiveBackPages = () => void;

/**
 * glibc gives back only free memory at the end of its heap by itself. One small block in use keeps all free pages before it:
 * after an attack 26 of 436 MiB were in use. Node has no function for it, and another C library needs none.
 * @returns undefined without glibc, and where no native code of a package can be loaded
 */
export const createGiveBackPages = (): GiveBackPages | undefined => {
  try {
    const trim = koffi.load(null).func('int malloc_trim(size_t)') as (bytesToKeep: number) => number;
    return () => void trim(0);
  } catch {
    return undefined;
  }
};
