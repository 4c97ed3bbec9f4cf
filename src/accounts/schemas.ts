import { z } from 'zod';

const singleLineText = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{Cc}*$/u);

const isTimeZone = (name: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
};
const isLocale = (name: string): boolean => {
  try {
    return Intl.getCanonicalLocales(name).length === 1;
  } catch {
    return false;
  }
};

export const profileShape = {
  display_name: singleLineText.nullable(),
  organization: singleLineText.nullable(),
  time_zone: z.string().max(64).refine(isTimeZone, 'Must be an IANA time zone').describe('IANA time zone'),
  locale: z.string().max(35).refine(isLocale, 'Must be a BCP 47 language tag').describe('BCP 47 language tag'),
};
export const profileDefaults = { display_name: null, organization: null, time_zone: 'UTC', locale: 'en' };

const models = ['black_scholes', 'black76', 'bachelier', 'heston', 'binomial_lr', 'andersen_lake', 'baw'] as const;

export const settingsShape = {
  theme: z.enum(['system', 'light', 'dark']),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .describe('ISO 4217'),
  decimal_places: z.int().min(0).max(12),
  default_model: z.enum(models),
  default_universe: z
    .string()
    .regex(/^[a-z0-9_]{1,64}$/)
    .nullable(),
  email_notifications: z.boolean(),
};
export const settingsDefaults = {
  theme: 'system',
  currency: 'USD',
  decimal_places: 4,
  default_model: 'black_scholes',
  default_universe: null,
  email_notifications: false,
} as const;
