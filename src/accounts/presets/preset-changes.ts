import { LockMode } from '@mikro-orm/core';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { PresetValues } from '#src/kernel/ports/account/pricing-defaults.ts';
import type { DoneAction, AuditEvent, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { AssertCallerMayStore } from '#src/kernel/ports/owners.ts';
import type { Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { assertBelowOwnerQuota } from '#src/kernel/lists/owner-quota.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import { presetEntityName } from '../entities.ts';
import { presetNotFound, toPreset, type Presets } from './preset.ts';

export type PresetChangesDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly assertCallerMayStore: AssertCallerMayStore;
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly maxPresets: number;
  /** Runs after a change has committed. */
  readonly forget: (userId: string) => void;
};

type StoredPreset = { user: string; name: string; presetValues: PresetValues; createdAt: Date; updatedAt: Date };

/** Changes of the presets of users, each with its audit event. */
export const createPresetChanges = (deps: PresetChangesDeps): Pick<Presets, 'put' | 'remove'> => {
  const { unitOfWork, assertCallerMayStore, audit, clock, maxPresets, forget } = deps;

  /** Without the name of the preset, because its user has chosen it and events are kept for good. */
  const recordChange = (
    transaction: Transaction,
    userId: string,
    action: DoneAction,
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

  const change = async <Result>(userId: string, work: (transaction: Transaction) => Promise<Result>) => {
    if (!isAccountId(userId)) throw unknownUser();
    const options = { operation: 'account.change', alone: lockNames.account(userId) } as const;
    const result = await unitOfWork.run(options, async (transaction) => {
      // Changes of one user run one after the other. The lock also keeps the account until the row is stored.
      const accounts = await transaction.query('select 1 from user_account where id = $1 for no key update', [userId]);
      if (accounts.length === 0) throw unknownUser();
      // A reset may have ended the credential since the request was authenticated. Its order is the same: account, turn, presets.
      await assertCallerMayStore(transaction.query);
      return work(transaction);
    });
    forget(userId);
    return result;
  };

  return {
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
        if (!stored) throw await presetNotFound(transaction.query, userId, name);
        transaction.em.remove(stored);
        await transaction.em.flush();
        await recordChange(transaction, userId, 'user.preset_removed');
      }),
  };
};
