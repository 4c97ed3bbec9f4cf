import { createHmac, timingSafeEqual } from 'node:crypto';

/** A cache entry. Times are in Unix milliseconds. */
export type Entry = {
  /** The value as JSON. */
  readonly text: string;
  readonly loadedAt: number;
  readonly freshUntil: number;
  readonly generation: string;
};

/** Signs entries with HMAC-SHA-256, because a client with write access to Redis must not be able to forge prices. */
export const createSeal = (secret: Uint8Array) => {
  const sign = (payload: string): Buffer => createHmac('sha256', secret).update(payload).digest();
  return {
    /**
     * The first part of the name of each entry. Processes with another version or key cannot read the entries, and with
     * the same names they would overwrite each other's and find them unreadable at each read.
     */
    space: sign('space').toString('base64url').slice(0, 8),
    /** The signed text of an entry. `name` is its Redis key; under another key the signature is invalid. */
    close: (name: string, { text, loadedAt, freshUntil, generation }: Entry): string => {
      const payload = `${loadedAt} ${freshUntil} ${generation} ${text}`;
      return `${sign(`${name} ${payload}`).toString('base64url')} ${payload}`;
    },
    /** Verifies and parses a signed text. @returns undefined if the signature is invalid */
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

/** Entries in the memory of this process. Above `maxBytes` the least recently used entries are removed. */
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
        // A map keeps the order of insertion, so the first entry is the least recently used.
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
