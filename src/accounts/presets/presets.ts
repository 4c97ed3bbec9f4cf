import { LockMode } from '@mikro-orm/core';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { PresetValues } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { AuditAction, AuditEvent, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Reader, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { assertBelowOwnerQuota } from '#src/kernel/lists/owner-quota.ts';
import type { PageRequest } from '#src/kernel/lists/pages.ts';
import { nearestName, quoted } from '#src/kernel/requests/nearest-name.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import { presetEntityName } from '../entities.ts';

export type PresetsDeps = {
  readonly unitOfWork: UnitOfWork;
  /** Must read the primary, because users read what they have just stored. */
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly maxPresets: number;
  /** Runs after a change has committed. */
  readonly forget: (userId: string) => void;
};

type Preset = PresetValues & { readonly name: string; readonly updated_at: string };
type StoredPreset = { user: string; name: string; presetValues: PresetValues; createdAt: Date; updatedAt: Date };

export type Presets = {
  /** Sorted by name. */
  readonly list: (userId: string, page: PageRequest) => Promise<Preset[]>;
  /** @throws AppError `resource_not_found` */
  readonly one: (userId: string, name: string) => Promise<Preset>;
  /** Stores or replaces. @throws AppError `validation_failed` above the max number */
  readonly put: (
    userId: string,
    name: string,
    values: PresetValues,
  ) => Promise<{ readonly preset: Preset; readonly created: boolean }>;
  /** @throws AppError `resource_not_found` */
  readonly remove: (userId: string, name: string) => Promise<void>;
};

type Row = { readonly name: string; readonly preset_values: PresetValues; readonly updated_at: Date };
const toPreset = ({ name, preset_values: values, updated_at: updatedAt }: Row): Preset => ({
  name,
  ...values,
  updated_at: updatedAt.toISOString(),
});

const columns = 'name, preset_values, updated_at';

/** The presets of users. */
export const createPresets = ({ unitOfWork, reader, audit, clock, maxPresets, forget }: PresetsDeps): Presets => {
  /** Without the name of the preset, because its user has chosen it and events are kept for good. */
  const recordChange = (
    transaction: Transaction,
    userId: string,
    action: AuditAction,
    data: NonNullable<AuditEvent['data']> = {},
  ): Promise<void> => {
    const user = userId.toLowerCase();
    return audit.record(transaction, { stream: `user:${user}`, action, outcome: 'success', target: user, data });
  };

  const find = async ({ em }: Transaction, userId: string, name: string) => {
    const entity = em.getMetadata().getByClassName<StoredPreset>(presetEntityName).class;
    const where = { user: userId, name };
    return { entity, where, stored: await em.findOne(entity, where, { lockMode: LockMode.PESSIMISTIC_WRITE }) };
  };

  const notFound = async (userId: string, name: string): Promise<AppError> => {
    const names = await reader.query<{ name: string }>('select name from pricing_preset where user_id = $1', [userId]);
    const near = nearestName(
      name,
      names.map((row) => row.name),
    );
    const text = `There is no preset ${quoted(name)}`;
    return new AppError('resource_not_found', near === undefined ? text : `${text}; did you mean ${near}?`);
  };

  const change = async <Result>(userId: string, work: (transaction: Transaction) => Promise<Result>) => {
    if (!isAccountId(userId)) throw unknownUser();
    const result = await unitOfWork.run({ operation: 'account.change' }, async (transaction) => {
      // Changes of one user run one after the other. The lock also keeps the account until the row is stored.
      const accounts = await transaction.query('select 1 from user_account where id = $1 for no key update', [userId]);
      if (accounts.length === 0) throw unknownUser();
      return work(transaction);
    });
    forget(userId);
    return result;
  };

  return {
    list: async (userId, { after, limit }) => {
      if (!isAccountId(userId)) throw unknownUser();
      const sql = `select ${columns} from pricing_preset
        where user_id = $1 and name collate "C" > coalesce($2, '') collate "C" order by name collate "C" limit $3`;
      return (await reader.query<Row>(sql, [userId, after, limit])).map(toPreset);
    },

    one: async (userId, name) => {
      if (!isAccountId(userId)) throw unknownUser();
      const sql = `select ${columns} from pricing_preset where user_id = $1 and name = $2`;
      const [row] = await reader.query<Row>(sql, [userId, name]);
      if (!row) throw await notFound(userId, name);
      return toPreset(row);
    },

    put: (userId, name, values) =>
      change(userId, async (transaction) => {
        const { em } = transaction;
        const { entity, where, stored } = await find(transaction, userId, name);
        const now = clock.now();
        if (stored) Object.assign(stored, { presetValues: values, updatedAt: now });
        else {
          await assertBelowOwnerQuota(transaction, {
            lockName: `pricing_preset:${userId}`,
            statement: 'select 1 from pricing_preset where user_id = $1',
            parameters: [userId],
            max: maxPresets,
          });
          em.create<StoredPreset>(entity, { ...where, presetValues: values, createdAt: now, updatedAt: now });
        }
        await em.flush();
        await recordChange(transaction, userId, 'user.preset_stored', {
          members: Object.keys(values),
          created: stored === null,
        });
        return { preset: toPreset({ name, preset_values: values, updated_at: now }), created: stored === null };
      }),

    remove: (userId, name) =>
      change(userId, async (transaction) => {
        const { stored } = await find(transaction, userId, name);
        if (!stored) throw await notFound(userId, name);
        transaction.em.remove(stored);
        await transaction.em.flush();
        await recordChange(transaction, userId, 'user.preset_removed');
      }),
  };
};
