import type { Cell } from '../cell.ts';
import type { World } from '../world.ts';
import type { Rotations } from '../world/rotations.ts';

/**
 * @param secret the rotation of world/rotations.ts. `caller` is no rotation: it gives the client whose secret the probe `token`
 * uses.
 */
const cell = (
  secret: Exclude<keyof Rotations, 'caller'>,
  description: Pick<Cell, 'name' | 'how' | 'probe' | 'codes' | 'processReplaced'>,
): Cell => ({
  group: 'rotation',
  // Much more than a usual answer takes: instances that start on the same machine need the processors too.
  deadlineMs: 12_000,
  inject: ({ rotations }: World) => rotations[secret].begin(),
  heal: ({ rotations }: World) => rotations[secret].end(),
  hasEffect: (_before, _now, { rotations }) => rotations[secret].hasBegun(),
  ...description,
});

/**
 * Secrets that are replaced under load, while two instances answer. The first two must not be noticed; a caller with an old
 * client secret may be refused.
 */
export const rotationCells: readonly Cell[] = [
  cell('signingKey', {
    name: 'signing key',
    how: 'one instance signs with the new key, the other with the old one; tokens of each are used at both',
    probe: 'token',
    codes: [],
    processReplaced: true,
  }),
  // The three steps are those of docs/calendar.md#rotate-the-key.
  cell('encryptionKey', {
    name: 'key of stored tokens',
    how: 'TOKEN_ENCRYPTION_KEY is replaced in the three documented steps, while both instances sync calendars',
    probe: 'calendar',
    codes: [],
    processReplaced: true,
  }),
  cell('clientSecret', {
    name: 'secret of a client',
    how: 'an operator replaces the secret; the caller uses the old one for 3 s more; its tokens stay valid',
    probe: 'token',
    codes: ['client_credentials_invalid'],
  }),
];
