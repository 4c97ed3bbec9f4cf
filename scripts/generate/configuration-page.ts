import { configSections } from '#src/config/variables.ts';
import { openTelemetryPart } from './opentelemetry-part.ts';
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

Status 78 also means: an address in \`HOST\` or \`METRICS_HOST\` that this machine does not have, a port that needs a
privilege, a key file or data directory that cannot be used or belongs to another user, \`npm start\` before \`npm ci\`.
stderr then has one line, which names the variable or the file and says what to do. A supervisor should not try again.
A port that another process uses has status 1, because the other process can end.

\`HOST=::\` listens on all addresses, also those of IPv4. Log and banner then show the loopback URL; set \`PUBLIC_URL\` to
the URL that clients use.

In production (\`NODE_ENV=production\`) \`DATABASE_URL\`, \`REDIS_URL\` (or \`REDIS_URLS\`, or
\`REDIS_SENTINEL_URLS\`) and \`JWT_PRIVATE_KEY\` are required and
\`FAULT_INJECTION\` is refused.

${Object.entries(configSections)
  .map(
    ([title, variables]) =>
      `## ${title}\n\n${table(['variable', 'default', 'meaning'], Object.entries<Entry>(variables).map(row))}\n`,
  )
  .join('\n')}
${openTelemetryPart()}`;
