import { dayMs } from '#src/kernel/calendar.ts';
import { z } from 'zod';
import { dateParameter, integerParameter } from '#src/kernel/lists/pagination.ts';
import { scopes } from '#src/kernel/requests/principal.ts';
import { nameText } from '#src/kernel/requests/texts/bounded-text.ts';
import type { ApiKey } from './api-key.ts';

const instant = z.iso.datetime();

export const createdKey = z
  .strictObject({
    id: z.uuid(),
    name: z.string(),
    key: z.string(),
    prefix: z.string(),
    scopes: z.array(z.enum(scopes)),
    created_at: instant,
    expires_at: instant.nullable(),
  })
  .meta({ id: 'CreatedApiKey', description: 'The key is shown once' });
export const listedKey = createdKey
  .omit({ key: true })
  .extend({ last_used_at: instant.nullable() })
  .meta({ id: 'ApiKey' });

/** Ten years. */
const maxDays = 3_650;
const name = nameText.meta({ description: 'Name by which the key is found in lists', examples: ['desk'] });
const scopeList = z.array(z.enum(scopes)).max(scopes.length);

const expiresAt = z
  .union([dateParameter, z.iso.datetime({ offset: true })])
  .describe(`The last day in UTC, or an instant, at most ${maxDays} days from now`);

export const wantedKey = z
  .strictObject({
    name,
    scopes: scopeList,
    expires_in_days: z.int().min(1).max(maxDays).optional(),
    expires_at: expiresAt.optional(),
  })
  .refine((key) => key.expires_in_days === undefined || key.expires_at === undefined, {
    path: ['expires_at'],
    error: 'Must not be sent together with expires_in_days: remove one of them',
  })
  .meta({ id: 'ApiKeyRequest' });

/** @returns the end of a key: an instant, the end of a day, or after a number of days; null for no end */
export const expiryOf = (
  { expires_in_days: days, expires_at: text }: Pick<z.output<typeof wantedKey>, 'expires_in_days' | 'expires_at'>,
  now: Date,
): Date | null => {
  if (days !== undefined) return new Date(now.getTime() + days * dayMs);
  if (text === undefined) return null;
  return new Date(Date.parse(text) + (text.includes('T') ? 0 : dayMs));
};

/** Whether a key can end at this time. */
export const isPossibleExpiry = (end: Date, now: Date): boolean =>
  end > now && end.getTime() <= now.getTime() + (maxDays + 1) * dayMs;

export const keyChanges = z
  .strictObject({
    name: name.optional(),
    scopes: scopeList.describe('Must be scopes that the key has').optional(),
  })
  .meta({ id: 'ApiKeyChanges' });

/** Thirty days. */
const maxOverlapHours = 720;
export const rotation = z.strictObject({
  overlap_hours: integerParameter(0, maxOverlapHours)
    .optional()
    .describe('Time in which the old key is valid too; default API_KEY_ROTATION_HOURS. 0: it ends at once'),
});

export const shownKey = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  scopes: [...key.scopes],
  created_at: key.created_at.toISOString(),
  expires_at: key.expires_at?.toISOString() ?? null,
});
export const shownListedKey = (key: ApiKey) => ({
  ...shownKey(key),
  last_used_at: key.last_used_at?.toISOString() ?? null,
});
