import { z } from 'zod';
import { boundedText, nameText } from '#src/kernel/requests/texts/bounded-text.ts';
import { defaultModel, modelNames } from '#src/kernel/catalogue/pricing-models.ts';
import { isTimeZoneOrOffset } from '#src/kernel/time/time-zones.ts';
import { withRefused } from '#src/kernel/requests/texts/refused-value.ts';

const isLocale = (name: string): boolean => {
  try {
    return Intl.getCanonicalLocales(name).length === 1;
  } catch {
    return false;
  }
};

/** A member that a user may change. Each member is a column of its table. */
type Field<Schema extends z.ZodType> = {
  readonly schema: Schema;
  /** For users who have stored nothing; also the default of the column, in which null stands for "no default". */
  readonly default: z.output<Schema>;
  readonly column: 'text' | 'integer' | 'boolean';
  /** One line for docs/accounts.md and OpenAPI. */
  readonly description: string;
};
export type Fields = Readonly<Record<string, Field<z.ZodType>>>;

const field = <Schema extends z.ZodType>({ schema, ...rest }: Field<Schema>): Field<Schema> => ({
  schema: schema.describe(rest.description),
  ...rest,
});

/** The columns of `account_profile`. */
export const profileFields = {
  display_name: field({
    schema: nameText.nullable(),
    default: null,
    column: 'text',
    description: 'Name that is shown, up to 100 characters on one line',
  }),
  organization: field({
    schema: nameText.nullable(),
    default: null,
    column: 'text',
    description: 'Organization, up to 100 characters on one line',
  }),
  time_zone: field({
    schema: boundedText(64).refine(isTimeZoneOrOffset, 'Must be a name of the IANA database such as Europe/London'),
    default: 'UTC',
    column: 'text',
    description: 'IANA time zone',
  }),
  locale: field({
    schema: boundedText(35).refine(isLocale, 'Must be a BCP 47 language tag'),
    default: 'en',
    column: 'text',
    description: 'BCP 47 language tag',
  }),
};

const themes = ['system', 'light', 'dark'] as const;

/** The columns of `account_settings`. */
export const settingsFields = {
  theme: field({
    schema: z.enum(themes),
    default: 'system',
    column: 'text',
    description: `Colours of the user interface: ${themes.join(', ')}`,
  }),
  currency: field({
    schema: z
      .string()
      .regex(/^[A-Z]{3}$/, { error: withRefused('Must be an ISO 4217 code of three capital letters, such as EUR') }),
    default: 'USD',
    column: 'text',
    description: 'ISO 4217 code of the currency that amounts are shown in',
  }),
  decimal_places: field({
    schema: z.int().min(0).max(12),
    default: 4,
    column: 'integer',
    description: 'Decimal places in which prices are shown, 0 to 12; answers tell it if `Prefer: display-hints` asks',
  }),
  default_model: field({
    schema: z.enum(modelNames),
    default: defaultModel,
    column: 'text',
    description: `Pricing model of requests that name none: ${modelNames.join(', ')}`,
  }),
  default_universe: field({
    schema: z
      .string()
      .regex(/^[a-z0-9_][a-z0-9_-]{0,63}$/, 'Must be the name of a universe, such as tech5, or null')
      .nullable(),
    default: null,
    column: 'text',
    description: 'Universe that the name `@default` stands for in reads of universes',
  }),
  email_notifications: field({
    schema: z.boolean(),
    default: false,
    column: 'boolean',
    description: 'Whether the user wants e-mail notifications',
  }),
};

type Schemas<Of extends Fields> = { readonly [Name in keyof Of]: Of[Name]['schema'] };

const each = <Value>(fields: Fields, value: (of: Field<z.ZodType>) => Value) =>
  Object.fromEntries(Object.entries(fields).map(([name, of]) => [name, value(of)]));

export const shapeOf = <Of extends Fields>(fields: Of): Schemas<Of> =>
  each(fields, ({ schema }) => schema) as Schemas<Of>;

export const defaultsOf = <Of extends Fields>(fields: Of): z.output<z.ZodObject<Schemas<Of>>> =>
  each(fields, (of) => of.default) as z.output<z.ZodObject<Schemas<Of>>>;
