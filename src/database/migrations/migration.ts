/**
 * One step of the schema. Each list of statements runs in order inside one transaction; `down` undoes `up` exactly.
 * A released migration is never edited: its name is recorded in every database that has run it.
 */
export type Migration = {
  /** `0001-market-data`: the number orders, the words explain. */
  readonly name: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
};
