/**
 * One change of the schema. The statements of a list run in order in one transaction; `down` reverts `up` exactly. A
 * released migration must not be edited, because every database that has run it has its name recorded.
 */
export type Migration = {
  /** For example `0001-market-data`. The number gives the order. */
  readonly name: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
};
