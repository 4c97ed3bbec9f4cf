import { readFileSync } from 'node:fs';
import { profileFields, settingsFields, type Fields } from '#src/accounts/schemas.ts';
import { table } from './markdown.ts';

const path = 'docs/accounts.md';
const begin = '<!-- fields: generated from src/accounts/schemas.ts by `npm run generate` -->';
const end = '<!-- end of fields -->';

const rowsOf = (resource: string, fields: Fields): string[][] =>
  Object.entries(fields).map(([name, { default: value, description }]) => [
    resource,
    `\`${name}\``,
    `\`${JSON.stringify(value)}\``,
    description,
  ]);

/** docs/accounts.md with a new table of members. The rest of the page is written by hand. */
export const accountsPage = (): string => {
  const text = readFileSync(path, 'utf8');
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  if (before === undefined || after === undefined) throw new Error(`${path} lacks the markers of the table of members`);
  const rows = [...rowsOf('profile', profileFields), ...rowsOf('settings', settingsFields)];
  return `${before}${begin}\n\n${table(['resource', 'member', 'default', 'content'], rows)}\n\n${end}${after}`;
};
