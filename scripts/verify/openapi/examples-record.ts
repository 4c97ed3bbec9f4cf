/**
 * Sends the example requests to a service of its own and writes them with their answers to
 * src/http/pages/openapi/examples.json, which the OpenAPI document contains.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordAllExamples } from '#testkit/examples/all-examples.ts';

const directory = mkdtempSync(join(tmpdir(), 'volwatch-examples-'));
const ends: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })];
try {
  const recording = await recordAllExamples(
    { teardown: (end) => void ends.push(end) },
    { VOLWATCH_DIRECTORY: directory },
  );
  writeFileSync('src/http/pages/openapi/examples.json', `${JSON.stringify(recording, null, 1)}\n`);
} finally {
  for (const end of ends.toReversed()) await end();
}
