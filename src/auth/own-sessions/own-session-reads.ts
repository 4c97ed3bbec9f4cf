import { readInParts } from '#src/kernel/lists/read-in-parts.ts';
import type { Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { SignInPlaces } from '../sign-in/sign-in-places.ts';
import { normalizedEmail } from '../users/users.ts';
import {
  liveOwnSessionsSql,
  liveParameters,
  type LiveParametersDeps,
  type OwnSessionRow,
  type OwnSessions,
} from './own-session.ts';

export type OwnSessionReadsDeps = LiveParametersDeps & { readonly reader: Reader; readonly places: SignInPlaces };

/** Max sign-ins of one statement. Each has three times, which the driver makes dates of. */
const maxRows = 256;

/** Reads that change nothing, so they need no transaction. */
export const createOwnSessionReads = (deps: OwnSessionReadsDeps): Pick<OwnSessions, 'list'> => {
  const { reader, places } = deps;
  return {
    list: async (caller, clientIp, { after, limit }) => {
      const rows = await readInParts<OwnSessionRow>({ limit, maxRows }, (part, last) =>
        reader.query<OwnSessionRow>(
          `select * from (${liveOwnSessionsSql}) as live where ($6::uuid is null or id > $6) order by id limit $7`,
          [...liveParameters(deps, caller), last?.id ?? after, part],
        ),
      );
      const { subject: id, email } = caller;
      const here = email === undefined ? undefined : places.hashesOf({ id, email: normalizedEmail(email) }, clientIp);
      return rows.map((row) => ({
        id: row.id,
        kind: row.kind,
        agent: row.agent,
        thisNetwork: row.place_hash && here ? here.some((hash) => hash.equals(row.place_hash!)) : null,
        current: row.current,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at,
        expiresAt: row.expires_at,
      }));
    },
  };
};
