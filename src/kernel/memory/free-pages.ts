/** Gives free pages inside the memory of the C library back to the system, which takes about 0.1 ms for each megabyte. */
export type GiveBackPages = () => void;

type Trim = (bytesToKeep: number) => number;

/** @returns undefined without glibc, and where the native code of the package is missing */
const loadTrim = async (): Promise<Trim | undefined> => {
  try {
    const { default: koffi } = await import('koffi');
    return koffi.load(null).func('int malloc_trim(size_t)') as Trim;
  } catch {
    return undefined;
  }
};

/**
 * glibc gives back only free memory at the end of its heap by itself. One small block in use keeps all free pages before it:
 * after an attack 26 of 436 MiB were in use. Node has no function for it, and other C libraries need none. The package that
 * calls it is loaded at the first use.
 * @param measure calls its argument, which gives the pages back
 */
export const createGiveBackPages = (
  measure: (giveBack: () => void) => void = (giveBack) => giveBack(),
): GiveBackPages => {
  let trim: Promise<Trim | undefined> | undefined;
  return () => {
    trim ??= loadTrim();
    void trim.then((giveBack) => giveBack && measure(() => giveBack(0)));
  };
};
