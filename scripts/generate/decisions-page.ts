import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { notice, table } from './markdown.ts';

const directory = 'docs/decisions';
const title =
  /^# (\d{4}): (.+)\n\nDate: (\d{4}-\d{2}-\d{2})\. Status: (accepted|accepted, in part replaced by \d{4}|replaced by \d{4}|withdrawn)\.\n/;
const sections = ['## Context', '## Decision', '## Consequences'] as const;

/**
 * The index of the decision records.
 * @throws Error if a record does not have the common format
 */
export const decisionsPage = (): string => {
  const files = readdirSync(directory).filter((name) => /^\d{4}-.+\.md$/.test(name));
  const rows = files.toSorted().map((name) => {
    const text = readFileSync(join(directory, name), 'utf8');
    const [, number, subject, date, status] = title.exec(text) ?? [];
    if (number === undefined || !name.startsWith(`${number}-`) || sections.some((section) => !text.includes(section))) {
      throw new Error(
        `${directory}/${name} must begin with "# NNNN: Title", a line "Date: YYYY-MM-DD. Status: accepted.", and have the sections Context, Decision and Consequences`,
      );
    }
    return [`[${number}](${name})`, subject!, date!, status!];
  });
  return `${notice(`${directory}/*.md`)}

# Decisions

Why the code is as it is: one record for each decision that may be questioned later. A record that was replaced stays,
and names the record that replaced it. A new record takes the next free number; \`npm run generate\` adds it to this table.

${table(['record', 'subject', 'date', 'status'], rows)}
`;
};
