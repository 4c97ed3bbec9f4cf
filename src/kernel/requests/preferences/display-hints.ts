import { z } from 'zod';
import { boundedText } from '../texts/bounded-text.ts';
import type { PricingDefaults } from '../../ports/account/pricing-defaults.ts';

/** The preference (RFC 7240) that asks for the display settings of the user. */
const preference = 'display-hints';

export const preferHeader = z.object({
  prefer: boundedText(1_024)
    .optional()
    .describe('`display-hints`: the answer has `Display-Decimal-Places` of the settings of the user'),
});

export const wantsDisplayHints = (prefer: string | undefined): boolean =>
  (prefer ?? '').split(',').some((each) => each.split(';')[0]!.trim().toLowerCase() === preference);

export const displayHeaders = ({ decimalPlaces }: PricingDefaults): Readonly<Record<string, string>> => ({
  'Preference-Applied': preference,
  'Display-Decimal-Places': String(decimalPlaces),
});
