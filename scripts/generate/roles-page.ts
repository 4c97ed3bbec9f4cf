import { readFileSync } from 'node:fs';
import { scopeTexts } from '#src/http/pages/openapi/security.ts';
import { table } from './markdown.ts';

const path = 'docs/roles.md';
const begin = '<!-- scopes: generated from src/http/pages/openapi/security.ts by `npm run generate` -->';
const end = '<!-- end of scopes -->';

/** docs/roles.md with a new table of scopes. The rest of the page is written by hand. */
export const rolesPage = (): string => {
  const text = readFileSync(path, 'utf8');
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  if (before === undefined || after === undefined) throw new Error(`${path} lacks the markers of the table of scopes`);
  const rows = Object.entries(scopeTexts).map(([scope, opens]) => [`\`${scope}\``, opens]);
  return `${before}${begin}\n\n${table(['scope', 'opens'], rows)}\n\n${end}${after}`;
};
