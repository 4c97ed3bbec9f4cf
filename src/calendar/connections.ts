import { lockNames } from '#src/kernel/catalogue/lock-names.ts';
import type { AuditTrail } from '#src/kernel/ports/audit.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Owner } from '#src/kernel/ports/owners.ts';
import type { Query, Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import type { ConnectionStatus } from './entities.ts';
import type { Revocations } from './revocations.ts';

// SQL: all consents of the owner are deleted at once.

export type Connection = {
  readonly id: string;
  readonly status: ConnectionStatus;
  readonly account: string | null;
  readonly scopes: string[];
  readonly connected_at: Date;
  readonly last_sync_at: Date | null;
};

/** What a sync needs to know of a connection. The tokens are encrypted. */
export type SyncState = {
  readonly id: string;
  readonly owner_kind: Owner['kind'];
  readonly owner_id: string;
  readonly status: ConnectionStatus;
  readonly refresh_token: string;
  readonly access_token: string;
  readonly access_expires_at: Date;
  readonly token_version: number;
  readonly sync_token: string | null;
  readonly sync_version: number;
  readonly full_sync_at: Date | null;
};

export type ConnectionsDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly audit: AuditTrail;
  readonly revocations: Revocations;
};

export type Connections = {
  readonly find: (owner: Owner) => Promise<Connection | undefined>;
  /**
   * Removes tokens and events, and revokes the tokens at Google: now, or by a job while Google does not answer.
   * Without a connection it does nothing.
   */
  readonly disconnect: (owner: Owner, signal: AbortSignal) => Promise<void>;
};

export const notConnected = (): AppError =>
  new AppError('calendar_not_connected', 'Connect a calendar first: open /calendar/connect');
const reauthorizationRequired = (): AppError =>
  new AppError('calendar_reauthorization_required', 'Google refused the stored consent: open /calendar/connect again');

const stateColumns = `id, owner_kind, owner_id, status, refresh_token, access_token, access_expires_at, token_version,
  sync_token, sync_version, full_sync_at`;

/** @throws AppError `calendar_not_connected`, `calendar_reauthorization_required` */
const usable = (state: SyncState | undefined): SyncState => {
  if (!state) throw notConnected();
  if (state.status === 'reauthorization_required') throw reauthorizationRequired();
  return state;
};

/** Always from the primary, because a replica can have an older token. @throws as `usable` */
export const readConnection = async (query: Query, id: string): Promise<SyncState> =>
  usable((await query<SyncState>(`select ${stateColumns} from calendar_connection where id = $1`, [id]))[0]);

/** The lock name of the calendar of a connection. */
export const lockNameOf = ({ owner_kind: kind, owner_id: id }: Pick<SyncState, 'owner_kind' | 'owner_id'>): string =>
  lockNames.calendar({ kind, id });

export const readConnectionOf = async (query: Query, { kind, id }: Owner): Promise<SyncState> =>
  usable(
    (
      await query<SyncState>(
        `select ${stateColumns} from calendar_connection where owner_kind = $1 and owner_id = $2`,
        [kind, id],
      )
    )[0],
  );

export const createConnections = ({ unitOfWork, reader, audit, revocations }: ConnectionsDeps): Connections => ({
  find: async ({ kind, id }) =>
    (
      await reader.query<Connection>(
        `select id, status, account, scopes, connected_at, last_sync_at from calendar_connection
         where owner_kind = $1 and owner_id = $2`,
        [kind, id],
      )
    )[0],

  disconnect: async (owner, signal) => {
    const options = { operation: 'calendar.connection', alone: lockNames.calendar(owner) } as const;
    const revocationId = await unitOfWork.run(options, async (transaction) => {
      const revocation = await revocations.add(transaction, owner);
      await transaction.query('delete from calendar_consent where owner_kind = $1 and owner_id = $2', [
        owner.kind,
        owner.id,
      ]);
      if (!revocation) return undefined;
      await audit.record(transaction, {
        stream: `calendar:${revocation.connectionId}`,
        action: 'calendar.disconnected',
        outcome: 'success',
        target: revocation.connectionId,
        data: { owner_kind: owner.kind, owner_id: owner.id },
      });
      return revocation.id;
    });
    if (revocationId !== undefined) await revocations.tryNow(revocationId, signal);
  },
});
