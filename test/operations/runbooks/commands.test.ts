import test from 'ava';
import { runCommands } from '../../../scripts/verify/runbooks/commands.ts';

test('commands see their environment, and a command that fails because of the fault is no fault of the page', async (t) => {
  t.deepEqual(await runCommands('echo "$TOKEN"\nfalse\n', { TOKEN: 'x' }), { output: 'x\n', faults: [] });
});

test('a command that does not exist, and a shell that does not understand, are faults of the page', async (t) => {
  t.regex((await runCommands('no-such-program --x', {})).faults[0] ?? '', /command not found/);
  t.regex((await runCommands('if', {})).faults[0] ?? '', /syntax error/);
});
