import type { Transaction } from '#src/kernel/ports/unit-of-work.ts';
import type { Universe } from '../indexes/universes.ts';

type Query = Pick<Transaction, 'query'>;

/** The stored universes, as refreshes and reads need them. */
export type Universes = {
  /** @throws AppError `validation_failed` (/universe) */
  readonly named: (name: string) => Promise<Universe>;
  /** Names of all universes. Large ones are read one at a time, because a definition can have 10,000 assets. */
  readonly names: () => Promise<readonly string[]>;
  /** The universe that an asset or an index belongs to, if any. Of several universes, the first by name. */
  readonly ofAsset: (symbol: string) => Promise<string | undefined>;
  readonly ofIndex: (code: string) => Promise<string | undefined>;
  /** The other universes that have an asset of the universe. */
  readonly sharing: (name: string) => Promise<readonly string[]>;
  /**
   * Locks the definition until the end of the transaction.
   * @returns the symbols that other universes have too
   * @throws AppError `refresh_in_progress` if the universe has another version meanwhile, or was deleted
   */
  readonly hold: (transaction: Query, universe: Universe) => Promise<ReadonlySet<string>>;
};
