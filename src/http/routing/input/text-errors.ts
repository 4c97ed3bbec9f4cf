import { maxShownErrors, type FieldError } from '#src/kernel/catalogue/errors.ts';
import { pointerInto, type Part } from './pointer-into.ts';

/**
 * Whether a text can be stored and compared. PostgreSQL refuses NUL. A surrogate without its pair has no UTF-8 form, so
 * it would be stored as U+FFFD, and two different texts would become equal.
 */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

const detail = 'Must not contain NUL or a surrogate without its pair';
const code = 'invalid_format';
/** Stands for an error that only counts, because to make a pointer for each of thousands takes time and memory. */
const notShown: FieldError = { pointer: '', code, detail };

const collect = (part: Part, value: unknown, path: PropertyKey[], errors: FieldError[]): void => {
  const refuse = (): void =>
    void errors.push(errors.length < maxShownErrors ? { pointer: pointerInto(part, path), code, detail } : notShown);
  if (typeof value === 'string') {
    if (!isStorable(value)) refuse();
    return;
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const isArray = Array.isArray(value);
  for (const name of Object.keys(value)) {
    path.push(isArray ? Number(name) : name);
    if (!isArray && !isStorable(name)) refuse();
    else collect(part, Reflect.get(value, name), path, errors);
    path.pop();
  }
};

/**
 * The texts of a part of a request that cannot be stored, also names of members. All routes are checked here, before
 * their schemas, so that no schema has to do it. The depth and the number of values are limited before.
 */
export const textErrors = (part: Part, value: unknown): FieldError[] => {
  const errors: FieldError[] = [];
  collect(part, value, [], errors);
  return errors;
};
