import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { attacks } from '#load/attack/attacks/list.ts';
import { residentTreeBytes } from '#load/attack/memory.ts';
import { payloads } from '#load/attack/payloads.ts';
import { abuseKinds } from '#src/kernel/catalogue/abuse.ts';

test('every kind of abuse has an attack; a new one belongs into load/attack/attacks/list.ts', (t) => {
  const shown = new Set(attacks.flatMap(({ kinds }) => kinds[0] ?? []));
  t.deepEqual([...shown].toSorted(), [...abuseKinds].toSorted());
});

test('attacks have names of their own', (t) => {
  t.is(new Set(attacks.map(({ name }) => name)).size, attacks.length);
});

test('the bombs are small, and become what the attack says', (t) => {
  t.true(payloads.gzipOfRows().byteLength < 100_000);
  const unpacked = gunzipSync(payloads.gzipOfRows());
  t.true(unpacked.byteLength > 63 * 1_048_576);
  t.is(unpacked.toString('latin1', 0, 18), '{"options":[{},{},');
  t.true(payloads.brotliOfRows().byteLength < 100_000);
  t.true(payloads.gzipOfZeros().byteLength < 2 * 1_048_576);
});

test('the memory of a process tree includes its children', async (t) => {
  const alone = residentTreeBytes(process.pid);
  t.true(alone > 10 * 1_048_576);
  const script = `globalThis.kept = Buffer.alloc(200 * 1_048_576, 1); console.log('ready'); setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  await once(child.stdout, 'data');
  t.true(residentTreeBytes(process.pid) > alone + 150 * 1_048_576);
});
