import type { z } from 'zod';
import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { DoneAction, AuditTrail } from '#src/kernel/ports/audit.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { AssertCallerMayStore } from '#src/kernel/ports/owners.ts';
import type { Query, Transaction, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { assertVersion } from '#src/kernel/requests/conditional/expected-versions.ts';
import { isAccountId, unknownUser } from '#src/kernel/requests/unknown-user.ts';
import type { DocumentReads, Row } from './document-reads.ts';
import type { DocumentShape, Documents } from './document.ts';
import { propertyName, tableOf, type AccountsEntityName } from './entities.ts';

// SQL: the first row of a document is inserted in one step, and must not fail when another transaction was first.

export type DocumentChangesDeps<Shape extends DocumentShape> = {
  readonly entity: AccountsEntityName;
  readonly shape: Shape;
  readonly unitOfWork: UnitOfWork;
  readonly assertCallerMayStore: AssertCallerMayStore;
  readonly audit: AuditTrail;
  /** Name of the event of each change. */
  readonly changeAction: DoneAction;
  readonly clock: Clock;
  readonly toDocument: DocumentReads<z.output<z.ZodObject<Shape>>>['toDocument'];
};

/** Changes, each of which is one unit of work. */
export const createDocumentChanges = <Shape extends DocumentShape>(
  deps: DocumentChangesDeps<Shape>,
): Pick<Documents<z.output<z.ZodObject<Shape>>>, 'change'> => {
  const { entity, shape, unitOfWork, assertCallerMayStore, audit, changeAction, clock, toDocument } = deps;
  const table = tableOf[entity];
  const names = Object.keys(shape);

  /** Locks the account, so that it is not deleted before the row that refers to it is stored. */
  const assertUser = async (query: Query, userId: string): Promise<void> => {
    const accounts = isAccountId(userId)
      ? await query('select 1 from user_account where id = $1 for key share', [userId])
      : [];
    if (accounts.length === 0) throw unknownUser();
  };

  /** Reads the row as JSON, because a missing column then causes no error. */
  const find = async (query: Query, userId: string, lock = ''): Promise<Row | undefined> =>
    (
      await query<{ row: Row }>(`select to_jsonb(stored) as row from ${table} as stored where user_id = $1 ${lock}`, [
        userId,
      ])
    )[0]?.row;

  /**
   * Stores a row with the defaults of the table, which `change` fills. This is SQL and no entity, because another request
   * can store the first version at the same moment, and the transaction must not fail then.
   */
  const insertFirst = async ({ query }: Transaction, userId: string): Promise<Row> => {
    await query(
      `insert into ${table} (user_id, version, updated_at) values ($1, 0, $2) on conflict (user_id) do nothing`,
      [userId, clock.now()],
    );
    return (await find(query, userId, 'for update'))!;
  };

  /** Changes the row as an entity of the identity map. A column that is missing in `row` is not written. */
  const write = async ({ em }: Transaction, row: Row, changes: Row): Promise<Row> => {
    const updatedAt = clock.now();
    const version = Number(row['version']) + 1;
    const stored: object = em.map(em.getMetadata().getByClassName<object>(entity).class, { ...row });
    Object.assign(stored, { version, updatedAt });
    for (const [name, value] of Object.entries(changes)) Reflect.set(stored, propertyName(name), value);
    await em.flush();
    return { ...row, ...changes, version, updated_at: updatedAt.toISOString() };
  };

  return {
    change: (userId, versions, given) =>
      unitOfWork.run({ operation: 'account.change', alone: lockNames.account(userId) }, async (transaction) => {
        await assertUser(transaction.query, userId);
        // A reset may have ended the credential since the request was authenticated. Its order is the same: account, turn, documents.
        await assertCallerMayStore(transaction.query);
        const assertRow = (row: Row | undefined): void => assertVersion(versions, Number(row?.['version'] ?? 0));
        const before = await find(transaction.query, userId, 'for update');
        assertRow(before);
        // Names come from the declared shape only, never from the caller.
        const changed = names.filter((name) => Object.hasOwn(given, name));
        if (changed.length === 0) return toDocument(before);
        const row = before ?? (await insertFirst(transaction, userId));
        assertRow(row);
        const changes = Object.fromEntries(changed.map((name) => [name, Reflect.get(given, name) as unknown]));
        const written = await write(transaction, row, changes);
        // Names and no values, because values can be personal data and events are kept for good.
        await audit.record(transaction, {
          stream: `user:${userId.toLowerCase()}`,
          action: changeAction,
          outcome: 'success',
          target: userId.toLowerCase(),
          data: { members: changed, version: Number(written['version']) },
        });
        return toDocument(written);
      }),
  };
};
