import { readFileSync } from 'node:fs';
import { rooms } from '../check/rooms.ts';
import { table } from './markdown.ts';

const path = 'docs/architecture.md';
const begin = '<!-- rooms: generated from scripts/check/rooms.ts by `npm run generate` -->';
const end = '<!-- end of rooms -->';

const importsOf = (imports: (typeof rooms)[string]['imports']): string =>
  typeof imports === 'string' ? imports : imports.join(', ') || 'no other room';

/** docs/architecture.md with a new table of rooms. The rest of the page is written by hand. */
export const architecturePage = (): string => {
  const text = readFileSync(path, 'utf8');
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  if (before === undefined || after === undefined) throw new Error(`${path} lacks the markers of the table of rooms`);
  const rows = Object.entries(rooms).map(([name, { holds, imports }]) => [
    `\`${name.endsWith('.ts') ? name : `${name}/`}\``,
    holds,
    importsOf(imports),
  ]);
  return `${before}${begin}\n\n${table(['room', 'holds', 'may import'], rows)}\n\n${end}${after}`;
};
