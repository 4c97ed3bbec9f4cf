import { createHmac, timingSafeEqual } from 'node:crypto';

/** As kept: the JSON text of the value, when it was loaded, until when it is fresh, and the generation it belongs to. */
export type Entry = {
  readonly text: string;
  /** Unix milliseconds. */
  readonly loadedAt: number;
  readonly freshUntil: number;
  readonly generation: string;
};

/** Entries as texts that only a holder of the secret can have written: whoever can write to Redis cannot forge prices. */
export const createSeal = (secret: Uint8Array) => {
  const sign = (payload: string): Buffer => createHmac('sha256', secret).update(payload).digest();
  return {
    /** `name` is the key that the entry stands under: moved elsewhere it is not valid. */
    close: (name: string, { text, loadedAt, freshUntil, generation }: Entry): string => {
      const payload = `${loadedAt} ${freshUntil} ${generation} ${text}`;
      return `${sign(`${name} ${payload}`).toString('base64url')} ${payload}`;
    },
    /** @returns undefined for anything altered, cut short or foreign */
    open: (name: string, sealed: string): Entry | undefined => {
      const at = sealed.indexOf(' ');
      const payload = sealed.slice(at + 1);
      const given = Buffer.from(sealed.slice(0, Math.max(0, at)), 'base64url');
      const expected = sign(`${name} ${payload}`);
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
      const [, loadedAt, freshUntil, generation = '', text = ''] = /^(\d+) (\d+) (\S*) (.*)$/s.exec(payload) ?? [];
      return { text, loadedAt: Number(loadedAt), freshUntil: Number(freshUntil), generation };
    },
  };
};

export type MemoryEntries = {
  readonly get: (name: string) => Entry | undefined;
  readonly set: (name: string, entry: Entry) => void;
};

/** Entries of this process, the least recently used ones dropped beyond `maxBytes` of text. */
export const createMemoryEntries = (maxBytes: number): MemoryEntries => {
  const entries = new Map<string, Entry>();
  let bytes = 0;
  const sizeOf = (name: string, { text }: Entry): number => 2 * (name.length + text.length) + 200;
  const remove = (name: string): void => {
    const entry = entries.get(name);
    if (!entry) return;
    entries.delete(name);
    bytes -= sizeOf(name, entry);
  };
  return {
    get: (name) => {
      const entry = entries.get(name);
      if (entry) {
        // A map keeps the order of insertion: the first is the one not asked for the longest.
        entries.delete(name);
        entries.set(name, entry);
      }
      return entry;
    },
    set: (name, entry) => {
      remove(name);
      if (sizeOf(name, entry) > maxBytes) return;
      entries.set(name, entry);
      bytes += sizeOf(name, entry);
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break;
        remove(oldest);
      }
    },
  };
};
