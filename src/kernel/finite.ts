import { memberPointer } from './json-pointer.ts';

/**
 * The JSON Pointer to the first number in `value` that is NaN or infinite; undefined if there is none. JSON has no such
 * numbers: `JSON.stringify` writes null in their place. It runs for each answer, so it allocates nothing until it finds
 * one.
 */
export const nonFiniteIn = (value: unknown): string | undefined => {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : '';
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const found = nonFiniteIn(value[index]);
      if (found !== undefined) return memberPointer('', index) + found;
    }
    return undefined;
  }
  for (const member in value) {
    const found = nonFiniteIn((value as Record<string, unknown>)[member]);
    if (found !== undefined) return memberPointer('', member) + found;
  }
  return undefined;
};
