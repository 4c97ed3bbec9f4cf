import type { UniverseDocument } from './universe-document.ts';

type Schedule = NonNullable<UniverseDocument['schedule']>;

/**
 * A definition as the column has it. Members that are null are not stored, because the previous release refuses members
 * that it does not know while both run. It stores `"schedule": null` in each definition, where null has no meaning, so a
 * universe that is never refreshed is stored with `"schedule": "none"`. `definitionSql` is the same rule in SQL.
 */
export type StoredDefinition = Omit<UniverseDocument, 'exchange' | 'schedule'> & {
  readonly exchange?: NonNullable<UniverseDocument['exchange']>;
  readonly schedule?: Schedule | 'none' | null;
};

export const storedFormOf = ({ exchange, schedule, ...definition }: UniverseDocument): StoredDefinition => ({
  ...definition,
  ...(exchange !== null && { exchange }),
  ...(schedule !== undefined && { schedule: schedule ?? 'none' }),
});

export const documentOf = ({ schedule, ...definition }: StoredDefinition): UniverseDocument => ({
  exchange: null,
  ...definition,
  ...(schedule != null && { schedule: schedule === 'none' ? null : schedule }),
});
