import type { Cell } from '../cell.ts';
import type { World } from '../world.ts';
import type { Rotations } from '../world/rotations.ts';

const cell = (
  secret: Exclude<keyof Rotations, 'caller'>,
  rest: Pick<Cell, 'name' | 'how' | 'probe' | 'codes' | 'processReplaced'>,
): Cell => ({
  group: 'rotation',
  deadlineMs: 12_000,
  inject: ({ rotations }: World) => rotations[secret].begin(),
  heal: ({ rotations }: World) => rotations[secret].end(),
  hasEffect: (_before, _now, { rotations }) => rotations[secret].hasBegun(),
  ...rest,
});

/** Secrets that are replaced while two instances answer. Each request must get a good answer from one of them. */
export const rotationCells: readonly Cell[] = [
  cell('signingKey', {
    name: 'signing key',
    how: 'one instance signs with the new key, the other with the old one; tokens of each are used at both',
    probe: 'token',
    codes: [],
    processReplaced: true,
  }),
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
