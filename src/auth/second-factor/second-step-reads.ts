import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query, Reader } from '#src/kernel/ports/unit-of-work.ts';
import type { SignInPlaces } from '../sign-in/sign-in-places.ts';
import { tokenDigest } from '../secrets/opaque-token.ts';
import { isDisabledSql, type FoundUser, type User } from '../users/users.ts';

export type SecondStepReadsDeps = {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly places: Pick<SignInPlaces, 'isKnown'>;
};

type Challenge = User &
  Pick<FoundUser, 'password_hash'> & {
    readonly wants_session: boolean;
    readonly agent: string | null;
    readonly place_hash: Buffer;
  };

/** The waiting sign-in of a token, unless its user was disabled since then. */
export const findChallenge = async (query: Query, token: string, now: Date): Promise<Challenge | undefined> => {
  const [row] = await query<Challenge>(
    `select account.id, account.email, account.role, account.scopes, account.password_hash,
       wants_session, agent, place_hash
     from sign_in_challenge as challenge join user_account as account on account.id = challenge.user_id
     where token_hash = $1 and expires_at > $2 and not (${isDisabledSql})`,
    [tokenDigest(token), now],
  );
  return row;
};

export type SecondStepReads = {
  /** The waiting sign-in of a token, which its end must find again in its transaction. */
  readonly challenge: (token: string) => Promise<Challenge | undefined>;
  readonly knowsPlace: (user: Pick<Challenge, 'id' | 'email'>, clientIp: string) => Promise<boolean>;
};

/** Reads that change nothing, so they need no transaction. */
export const createSecondStepReads = ({ reader, clock, places }: SecondStepReadsDeps): SecondStepReads => ({
  challenge: (token) => findChallenge(reader.query, token, clock.now()),

  knowsPlace: (user, clientIp) => places.isKnown(reader.query, user, clientIp),
});
