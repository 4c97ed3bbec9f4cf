import type { Clock } from '#src/kernel/ports/clock.ts';
import { codeOf } from '#src/kernel/catalogue/errors.ts';
import type { CallerSettings, PresetValues, ReadCallerSettings } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId } from '#src/kernel/requests/unknown-user.ts';
import { defaultsOf, settingsFields } from './schemas.ts';

export type CallerSettingsDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  /** Lifetime of a cache entry. 0: each lookup reads the database. */
  readonly cacheMs: number;
};

type Row = {
  readonly settings: Partial<typeof defaults> | null;
  readonly presets?: Readonly<Record<string, PresetValues>> | null;
};

const defaults = defaultsOf(settingsFields);
/** Bounds the memory of the cache. */
const maxEntries = 10_000;

const settingsSql = '(select to_jsonb(stored) from account_settings as stored where stored.user_id = $1) as settings';
const presetsSql =
  '(select jsonb_object_agg(preset.name, preset.preset_values) from pricing_preset as preset where preset.user_id = $1) as presets';

/** Looks up what the settings of a user mean for requests. The cache is short, because each instance has its own. */
export const createCallerSettings = ({ reader, clock, cacheMs }: CallerSettingsDeps): ReadCallerSettings => {
  const cache = new Map<string, { readonly readAt: number; readonly settings: CallerSettings | undefined }>();

  const rowOf = async (userId: string): Promise<Row | undefined> => {
    const from = 'from user_account where id = $1';
    try {
      return (await reader.query<Row>(`select ${settingsSql}, ${presetsSql} ${from}`, [userId]))[0];
    } catch (error) {
      // Nobody has presets while their table is not migrated yet.
      if (codeOf(error) !== 'database_schema_outdated') throw error;
      return (await reader.query<Row>(`select ${settingsSql} ${from}`, [userId]))[0];
    }
  };

  const load = async (userId: string): Promise<CallerSettings | undefined> => {
    const row = await rowOf(userId);
    if (row === undefined) return undefined;
    const {
      default_model: model,
      decimal_places: decimalPlaces,
      default_universe: universe,
    } = {
      ...defaults,
      ...row.settings,
    };
    return { model, decimalPlaces, universe, presets: row.presets ?? {} };
  };

  return {
    read: async (userId, { fresh = false } = {}) => {
      if (!isAccountId(userId)) return undefined;
      const entry = cache.get(userId);
      if (!fresh && entry && clock.monotonic() - entry.readAt <= cacheMs) return entry.settings;
      const readAt = clock.monotonic();
      const settings = await load(userId);
      cache.delete(userId);
      if (cacheMs > 0) {
        if (cache.size >= maxEntries) cache.delete(cache.keys().next().value!);
        cache.set(userId, { readAt, settings });
      }
      return settings;
    },
    forget: (userId) => void cache.delete(userId),
  };
};
