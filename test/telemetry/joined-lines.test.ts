import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { joinLines } from '#src/telemetry/logs/joined-lines.ts';
import { eventually } from '#testkit/eventually.ts';

test('lines are written together, in order, and nothing is written twice', async (t) => {
  const written: string[] = [];
  const { write, flush } = joinLines((lines) => written.push(lines));
  write('one\n');
  write('two\n');
  t.deepEqual(written, []);
  await eventually(() => written.length > 0, 'the lines are written without a call');
  flush();
  write('three\n');
  flush();
  flush();
  t.deepEqual(written, ['one\ntwo\n', 'three\n']);
});

test('many characters do not wait', (t) => {
  const written: string[] = [];
  const { write } = joinLines((lines) => written.push(lines));
  const line = `${'x'.repeat(9_999)}\n`;
  write(line);
  write(line);
  t.deepEqual(written, [line + line]);
});

for (const end of ['exit', 'kill']) {
  test(`a process that ends by ${end} has written its last lines`, async (t) => {
    const program = fileURLToPath(import.meta.resolve('./fixtures/exiting-program.ts'));
    const { stdout } = spawn(process.execPath, [program, end], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = (await text(stdout)).trim().split('\n');
    t.deepEqual(
      lines.map((line) => (JSON.parse(line) as { message: string }).message),
      ['first', 'second'],
    );
  });
}
