import type { z } from 'zod';
import { calendarSections } from './calendar-variables.ts';
import { dependencySections } from './dependency-variables.ts';
import { edgeSections } from './edge-variables.ts';
import { featureSections } from './feature-variables.ts';
import { rateLimitSections } from './limits/rate-limit-variables.ts';
import { mailSections } from './mail/mail-variables.ts';
import { storageSections } from './storage-variables.ts';
import type { Variable } from './variable.ts';

/**
 * All environment variables of the service, in the order of docs/configuration.md, which is generated from this list.
 * An empty value counts as unset.
 */
export const configSections = {
  ...edgeSections,
  ...rateLimitSections,
  ...dependencySections,
  ...featureSections,
  ...calendarSections,
  ...mailSections,
  ...storageSections,
};

type Sections = typeof configSections;
type Variables = { [Section in keyof Sections]: Sections[Section] }[keyof Sections];
type UnionToIntersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void
  ? I
  : never;
type AllVariables = UnionToIntersection<Variables>;

export type Config = {
  readonly [Name in keyof AllVariables]: AllVariables[Name] extends { readonly schema: infer Schema extends z.ZodType }
    ? z.output<Schema>
    : never;
};

export const configVariables: Readonly<Record<string, Variable<z.ZodType>>> = Object.assign(
  {},
  ...Object.values(configSections),
) as Record<string, Variable<z.ZodType>>;
