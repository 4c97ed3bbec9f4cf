import type { BaseRequest } from './base-request.ts';
import { formType, type DeclaredInput } from './declared-inputs.ts';

/** A request as it is sent: the target is encoded, and a list of header values is sent as several lines. */
export type HostileRequest = {
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string | Buffer | undefined;
};

const mark = '@@hostile@@';

const withMark = (base: unknown, [member, ...rest]: readonly (string | number)[]): unknown => {
  if (member === undefined) return mark;
  const inner = (value: unknown): unknown => withMark(value, rest);
  if (typeof member === 'number') return [inner(Array.isArray(base) ? base[member] : undefined)];
  const object = typeof base === 'object' && base !== null && !Array.isArray(base) ? base : {};
  return { ...object, [member]: inner(Reflect.get(object, member)) };
};

const pairs = (values: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(values).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);

/**
 * The base request with another value of one input.
 * @param value JSON for a member of a JSON body, percent-encoded for path, query and form, as it is for a header
 * @param times how often the input is given
 */
export const hostileRequest = (
  path: string,
  base: BaseRequest,
  input?: DeclaredInput,
  value = '',
  times = 1,
): HostileRequest => {
  const name = String(input?.members[0] ?? '');
  const is = (place: string): boolean => input?.place === place;
  const repeated = Array<string>(times).fill(`${encodeURIComponent(name)}=${value}`);
  const without = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(values).filter(([each]) => each !== name));

  const target = path.replaceAll(/\{(\w+)\}/g, (_, each: string) =>
    is('path') && each === name ? value : encodeURIComponent(base.path[each] ?? ''),
  );
  const query = is('query') ? [...pairs(without(base.query)), ...repeated] : pairs(base.query);
  const isForm = base.mediaType === formType;
  const fields = (base.body ?? {}) as Readonly<Record<string, unknown>>;
  const form = (is('form') ? [...pairs(without(fields)), ...repeated] : pairs(fields)).join('&');
  const json = is('json')
    ? JSON.stringify(withMark(base.body, input?.members ?? [])).replace(`"${mark}"`, () => value)
    : (JSON.stringify(base.body) ?? Buffer.alloc(0));
  return {
    target: query.length === 0 ? target : `${target}?${query.join('&')}`,
    headers: {
      ...base.headers,
      ...(base.mediaType !== undefined && { 'Content-Type': base.mediaType }),
      ...(is('header') && { [name]: times === 1 ? value : Array<string>(times).fill(value) }),
    },
    body: Buffer.isBuffer(base.body) ? base.body : base.mediaType === undefined ? undefined : isForm ? form : json,
  };
};
