/**
 * Lints the OpenAPI document of a running service, generates clients from it, compiles them and calls the service with
 * each. `--all` adds the slow generators: Python, and openapi-generator (needs Java and Maven).
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '#testkit/service.ts';
import { eventually } from '#testkit/eventually.ts';
import { verifyOpenapiGenerator } from './openapi-generator.ts';
import { verifyPython } from './python.ts';
import { generatedDirectory } from './run.ts';
import type { Target } from './target.ts';
import { installNpmTools, lint, verifyTypeScript } from './typescript.ts';

const all = process.argv.includes('--all');
const client = { id: 'generated-clients', secret: 'generated-clients-secret-4711' };

const directory = mkdtempSync(join(tmpdir(), 'volwatch-openapi-'));
installNpmTools();
const service = await startService({
  environment: {
    VOLWATCH_DIRECTORY: directory,
    BOOTSTRAP_CLIENT_ID: client.id,
    BOOTSTRAP_CLIENT_SECRET: client.secret,
  },
});
try {
  // The first refreshes have ended then, so that they refuse no refresh of a client.
  await service.logged(({ message }) => message === 'started', 120_000);
  const isLoaded = async () => (await fetch(`${service.url}/api/v1/assets/AAPL`)).status === 200;
  await eventually(isLoaded, 'the sample data are loaded', 60_000);
  mkdirSync(generatedDirectory, { recursive: true });
  const document = join(generatedDirectory, 'openapi.json');
  writeFileSync(document, await (await fetch(`${service.url}/openapi.json`)).text());
  const target: Target = { document, arguments: [service.url, client.id, client.secret] };
  lint(target);
  verifyTypeScript(target);
  if (all) {
    verifyPython(target);
    verifyOpenapiGenerator(target);
  }
} finally {
  await service.stop(5_000);
  rmSync(directory, { recursive: true, force: true });
}
