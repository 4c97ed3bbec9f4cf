import test from 'ava';
import { profileFields, settingsFields } from '#src/accounts/schemas.ts';
import { setupDatabase } from '#testkit/database.ts';

type Column = { column_name: string; data_type: string; column_default: string | null; is_nullable: string };

/** The default as PostgreSQL writes it: `'UTC'::text`, `4`, `false`. */
const defaultText = (value: unknown): string | null => {
  if (value === null) return null;
  return typeof value === 'string' ? `'${value}'::text` : JSON.stringify(value);
};

test('the columns of the migrated tables have the type and the default that is declared for each member', async (t) => {
  const { query } = await setupDatabase(t);
  for (const [table, fields] of Object.entries({ account_profile: profileFields, account_settings: settingsFields })) {
    const found = (await query(
      `select column_name, data_type, column_default, is_nullable from information_schema.columns
       where table_name = '${table}' and column_name not in ('user_id', 'version', 'updated_at')
       order by column_name collate "C"`,
    )) as unknown as Column[];
    const declared = Object.entries(fields)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { column, default: value }]) => ({
        column_name: name,
        data_type: column,
        column_default: defaultText(value),
        is_nullable: value === null ? 'YES' : 'NO',
      }));
    t.deepEqual(
      found,
      declared,
      `${table}: a new member or a changed default needs a migration in src/database/migrations/`,
    );
  }
});
