/**
 * `npm run clients:python` and `npm run clients:typescript`: installs what a client package needs, starts a service, and
 * runs the package's checks and tests against it. `npm run bench:formats` measures the batch formats in the same way.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '#testkit/service.ts';
import { formatsBenchmark, pythonPackage } from './clients/python-package.ts';
import { typescriptPackage } from './clients/typescript-package.ts';
import { runCommand, type ClientPackage } from './clients/client-package.ts';

const packages: Readonly<Record<string, () => ClientPackage>> = {
  python: pythonPackage,
  typescript: typescriptPackage,
  formats: formatsBenchmark,
};

const clientId = 'client-tests';
const clientSecret = 'a secret for the tests of the client packages';

const [name = ''] = process.argv.slice(2);
const create = packages[name];
if (create === undefined) {
  console.error(`Usage: node scripts/run/clients.ts ${Object.keys(packages).join('|')}`);
  process.exit(2);
}
const client = create();
client.install();

const directory = mkdtempSync(join(tmpdir(), 'volwatch-clients-'));
const service = await startService({
  environment: {
    NODE_ENV: undefined,
    VOLWATCH_DIRECTORY: directory,
    FAULT_INJECTION: 'true',
    BOOTSTRAP_CLIENT_ID: clientId,
    BOOTSTRAP_CLIENT_SECRET: clientSecret,
  },
});
try {
  // The first refreshes have ended then, so that they refuse no refresh of a client.
  await service.logged(({ message }) => message === 'started', 120_000);
  const environment = {
    VOLWATCH_URL: service.url,
    VOLWATCH_ADMIN_URL: service.adminUrl,
    VOLWATCH_CLIENT_ID: clientId,
    VOLWATCH_CLIENT_SECRET: clientSecret,
  };
  for (const command of client.commands) await runCommand(client.folder, command, environment);
  console.log(`clients:${name}: ok`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await service.stop(10_000);
  rmSync(directory, { recursive: true, force: true });
}
