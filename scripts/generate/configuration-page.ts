import { configSections } from '#src/config/variables.ts';
import { notice, table } from './markdown.ts';

type Entry = { readonly fallback: string | undefined; readonly help: string; readonly secret?: true };

const row = ([name, entry]: [string, Entry]): string[] => [
  `\`${name}\``,
  entry.fallback === undefined ? 'unset' : entry.fallback === '' ? 'empty' : `\`${entry.fallback}\``,
  `${entry.help}${entry.secret ? '. Secret' : ''}`,
];

export const configurationPage = (): string => `${notice('src/config/variables.ts')}
# Configuration

Everything is set by environment variables, read once at start. A faulty configuration is refused with every fault
named at once and exit status 78. An empty value counts as unset.

In production (\`NODE_ENV=production\`) \`DATABASE_URL\`, \`REDIS_URL\` (or \`REDIS_URLS\`, or
\`REDIS_SENTINEL_URLS\`) and \`JWT_PRIVATE_KEY\` are required and
\`FAULT_INJECTION\` is refused.

${Object.entries(configSections)
  .map(
    ([title, variables]) =>
      `## ${title}\n\n${table(['variable', 'default', 'meaning'], Object.entries<Entry>(variables).map(row))}\n`,
  )
  .join('\n')}`;
