/**
 * Declarations for `scripts/check/code/number-keys.ts`: a Map or Set whose keys are numbers is marked as deprecated, so that the type-aware
 * linter finds each of them, also where the type of the keys is not written. Nothing else uses the marks.
 */
type IfNumber<Key> = [Key] extends [never] ? [never] : [Key] extends [number | bigint] ? [] : [never];

interface MapConstructor {
  /** @deprecated its keys are numbers */
  new <K, V>(entries?: Iterable<readonly [K, V]> | null, ...none: IfNumber<K>): Map<K, V>;
  /** @deprecated its keys are numbers */
  groupBy<K extends number | bigint, T>(items: Iterable<T>, keySelector: (item: T, index: number) => K): Map<K, T[]>;
}

interface SetConstructor {
  /** @deprecated its keys are numbers */
  new <T>(values?: Iterable<T> | null, ...none: IfNumber<T>): Set<T>;
}
