import { impersonalTables, personalTables } from '#src/compose/data/personal-data/personal-tables.ts';
import { notice, table } from './markdown.ts';

const rows = Object.entries(personalTables).map(([name, { holds, exported, omitted, removal, remains }]) => [
  `\`${name}\``,
  holds,
  exported.map((column) => `\`${column}\``).join(', '),
  omitted
    .map(({ columns, because }) => `${columns.map((column) => `\`${column}\``).join(', ')}: ${because}`)
    .join('; '),
  remains === undefined ? removal : `${removal}: ${remains}`,
]);

const others = Object.entries(impersonalTables).map(([name, because]) => [`\`${name}\``, because]);

export const personalDataPage = (): string => `${notice('src/compose/data/personal-data/')}
# Personal data

What the database holds about a user, what \`GET /account/export\` shows of it, and what the removal of the account does with
it. See [accounts.md](accounts.md#removal-of-an-account). A test compares this page with the tables and columns of a migrated
database, and removes an account that has a row in each table.

${table(['table', 'holds', 'exported', 'not exported', 'removal'], rows)}

These tables hold nothing about a user:

${table(['table', 'holds'], others)}
`;
