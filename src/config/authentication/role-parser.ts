import { z } from 'zod';
import { scopes, type Scope } from '#src/kernel/requests/principal.ts';
import type { Roles } from '#src/kernel/ports/roles.ts';

const name = /^[a-z][a-z0-9_]{0,31}$/;
const form = 'must be JSON such as {"user":[],"analyst":["ml:read"]}: names in lower case, each with a list of scopes';
const maxRoles = 100;

const isScope = (value: unknown): value is Scope => scopes.some((scope) => scope === value);

const parseObject = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
};

/** The scopes of each role, from a JSON object. */
export const roles = z.string().transform((text, context): Roles => {
  const entries = Object.entries(parseObject(text) ?? {});
  const isRight = entries.every(([role, held]) => name.test(role) && Array.isArray(held) && held.every(isScope));
  if (entries.length === 0 || entries.length > maxRoles || !isRight) {
    context.addIssue({ code: 'custom', message: `${form} (${scopes.join(', ')})` });
    return z.NEVER;
  }
  return new Map(entries.map(([role, held]) => [role, scopes.filter((scope) => (held as Scope[]).includes(scope))]));
});
