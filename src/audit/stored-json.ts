import { canonicalJson } from '#src/kernel/json/canonical-json.ts';
import type { Json } from '#src/kernel/ports/audit.ts';

const assertStorableText = (text: string): void => {
  // The type jsonb of PostgreSQL cannot store them, so the hash of the stored event would differ.
  if (!text.isWellFormed() || text.includes('\0')) {
    throw new Error('Stored JSON must not contain lone surrogates or NUL');
  }
};

const assertStorable = (value: Json): void => {
  if (typeof value === 'string') assertStorableText(value);
  else if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error('Stored JSON must contain only finite numbers');
  } else if (Array.isArray(value)) value.forEach(assertStorable);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      assertStorableText(name);
      assertStorable(member);
    }
  }
};

/**
 * The canonical text (RFC 8785) of a value that a jsonb column can store without a change: the hash of an event is the
 * same before and after it was stored.
 * @throws Error for values that JSON or jsonb cannot store: numbers that are not finite, lone surrogates, NUL
 */
export const storedJson = (value: Json): string => {
  assertStorable(value);
  return canonicalJson(value);
};
