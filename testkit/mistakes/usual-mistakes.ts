import { readFileSync } from 'node:fs';

/** A mistake that callers often make, and the answer to it. */
export type UsualMistake = {
  readonly title: string;
  /** Default: POST. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Below the base path. */
  readonly path: string;
  /** Who calls: a client with all scopes, or a user. Absent: nobody. */
  readonly caller?: 'client' | 'user';
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as a value, or as a text if it is not JSON. */
  readonly json?: unknown;
  readonly raw?: string;
  /** Default: that of JSON. */
  readonly contentType?: string;
  readonly status: number;
  readonly code: string;
  /** Pointer of the first error. */
  readonly pointer?: string;
  readonly detail: string;
};

const read = (name: string): readonly UsualMistake[] =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as readonly UsualMistake[];

/** Mistakes in requests of the pricing routes. */
export const usualMistakes = read('usual-mistakes.json');
/** Mistakes in requests of the other routes. They need a running service with a database. */
export const mistakesOfOtherRoutes = read('other-routes.json');

/** The request of a mistake. */
export const requestOf = (
  { method = 'POST', json, raw, contentType = 'application/json', headers }: UsualMistake,
  authorization: Readonly<Record<string, string>> = {},
): RequestInit => {
  const body = raw ?? (json === undefined ? undefined : JSON.stringify(json));
  const type = body === undefined || contentType === '' ? {} : { 'Content-Type': contentType };
  return { method, headers: { ...type, ...authorization, ...headers }, ...(body !== undefined && { body }) };
};

type Problem = {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly pointer?: string; readonly detail: string }[];
};
/** What the table has of an answer. */
export const answerOf = (status: number, { code, detail, errors = [] }: Problem) => {
  const pointer = errors[0]?.pointer;
  return { status, code, ...(pointer !== undefined && { pointer }), detail };
};
/** What the table says of the answer to a mistake. */
export const expectedOf = ({ status, code, pointer, detail }: UsualMistake) => ({
  status,
  code,
  ...(pointer !== undefined && { pointer }),
  detail,
});
