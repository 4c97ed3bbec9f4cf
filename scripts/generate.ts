/**
 * Writes every generated file of the repository. With `--check` it fails if one of them is stale. Each generated file
 * is a path and a function that returns its whole text.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { accountsPage } from './generate/accounts-page.ts';
import { architecturePage } from './generate/architecture-page.ts';
import { valuesSchema } from './generate/chart/values-schema.ts';
import { configurationPage } from './generate/configuration-page.ts';
import { decisionsPage } from './generate/decisions-page.ts';
import { errorsPage } from './generate/errors-page.ts';
import { mistakesPage } from './generate/mistakes-page.ts';
import { operations } from './generate/operations.ts';
import { personalDataPage } from './generate/personal-data-page.ts';
import { pythonClient } from './generate/python-client.ts';
import { rolesPage } from './generate/roles-page.ts';
import { tablesPage } from './generate/tables-page.ts';
import { telemetryPage } from './generate/telemetry-page.ts';

const generated: Readonly<Record<string, () => string>> = {
  'clients/python/src/volwatch/_client.py': pythonClient,
  'deploy/chart/values.schema.json': valuesSchema,
  'docs/accounts.md': accountsPage,
  'docs/architecture.md': architecturePage,
  'docs/configuration.md': configurationPage,
  'docs/decisions/README.md': decisionsPage,
  'docs/errors.md': errorsPage,
  'docs/mistakes.md': mistakesPage,
  'docs/personal-data.md': personalDataPage,
  'docs/roles.md': rolesPage,
  'docs/tables.md': tablesPage,
  'docs/telemetry.md': telemetryPage,
  ...operations,
};

const current = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

const check = process.argv.includes('--check');
const stale = Object.entries(generated).filter(([path, text]) => current(path) !== text());
for (const [path, text] of stale) {
  if (check) console.error(`${path} is stale: run npm run generate`);
  else {
    writeFileSync(path, text());
    console.log(`wrote ${path}`);
  }
}
process.exitCode = check && stale.length > 0 ? 1 : 0;
