import { derivedSecret, type KeyRing } from '../../auth/index.ts';
import { createCursors, type Cursors } from '../../kernel/lists/pagination.ts';
import type { Base } from '../base.ts';

/** One secret for the cursors of every list: each cursor names its list. */
export const composeCursors = async ({ config }: Base, keyRing: KeyRing): Promise<Cursors> =>
  createCursors({ secret: config.CURSOR_SECRET ?? (await derivedSecret(keyRing.signing, 'cursors')) });
