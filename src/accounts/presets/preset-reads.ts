import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import { presetNotFound, toPreset, type PresetRow, type Presets } from './preset.ts';

export type PresetReadsDeps = {
  /** Must read the primary, because users read what they have just stored. */
  readonly reader: Reader;
};

const columns = 'name, preset_values, updated_at';

/** Reads that change nothing, so they need no transaction. */
export const createPresetReads = ({ reader }: PresetReadsDeps): Pick<Presets, 'list' | 'one'> => ({
  list: async (userId, { after, limit }) => {
    if (!isAccountId(userId)) throw unknownUser();
    const sql = `select ${columns} from pricing_preset
      where user_id = $1 and name collate "C" > coalesce($2, '') collate "C" order by name collate "C" limit $3`;
    return (await reader.query<PresetRow>(sql, [userId, after, limit])).map(toPreset);
  },

  one: async (userId, name) => {
    if (!isAccountId(userId)) throw unknownUser();
    const sql = `select ${columns} from pricing_preset where user_id = $1 and name = $2`;
    const [row] = await reader.query<PresetRow>(sql, [userId, name]);
    if (!row) throw await presetNotFound(reader.query, userId, name);
    return toPreset(row);
  },
});
