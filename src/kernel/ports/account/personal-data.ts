/** What the database holds about a user in one table. Only names of columns and SQL of this repository, never of a caller. */
type PersonalTable = {
  /** What the rows are, as a phrase. */
  readonly holds: string;
  /** Condition on a row `t`; `$1` is the id of the user as text. */
  readonly where: string;
  /** Columns that the export shows. */
  readonly exported: readonly string[];
  /** Columns that the export leaves out, and why. */
  readonly omitted: readonly { readonly columns: readonly string[]; readonly because: string }[];
  /**
   * What the removal of the account does with the rows. `deleted`: no row is left. `anonymised`: rows stay without what is
   * personal. `kept`: rows hold nothing but the id of the user.
   */
  readonly removal: 'deleted' | 'anonymised' | 'kept';
  /** Why rows stay. */
  readonly remains?: string;
};

/** The tables with personal data, by name. */
export type PersonalTables = Readonly<Record<string, PersonalTable>>;
