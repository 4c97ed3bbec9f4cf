import { derivedSecret, type KeyRing } from '../../auth/index.ts';
import { createCursors, type Cursors } from '../../kernel/lists/pagination.ts';
import type { Base } from '../base.ts';

/** All lists use one secret, because each cursor contains the name of its list. */
export const composeCursors = async ({ config }: Base, keyRing: KeyRing): Promise<Cursors> =>
  createCursors({ secret: config.CURSOR_SECRET ?? (await derivedSecret(keyRing.signing, 'cursors')) });
