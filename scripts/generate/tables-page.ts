import { tableBounds } from '#src/compose/data/table-bounds.ts';
import { notice, table } from './markdown.ts';

const rows = Object.entries(tableBounds).map(([name, { grows, bound, removed, tests = [] }]) => [
  `\`${name}\``,
  grows,
  bound,
  removed,
  tests.map((file) => `\`${file}\``).join(', '),
]);

export const tablesPage = (): string => `${notice('src/compose/data/table-bounds.ts')}
# Tables

What makes each table grow, what bounds it, and when its rows go. \`volwatch_table_rows{table}\` and
\`volwatch_table_bytes{table}\` show how large each is. Names in capitals are in [configuration.md](configuration.md).
The last column names the tests of the bound, for tables that any caller can make grow.

${table(['table', 'grows when', 'bound', 'rows are removed', 'tested in'], rows)}
`;
