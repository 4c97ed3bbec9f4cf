import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';

/** The twentieth field of `stat` is the niceness. */
const program = (call: string, before: string): string => `
  import { readFileSync, readdirSync } from 'node:fs';
  import { readFile } from 'node:fs/promises';
  import { ${call.replace(/\(.*/, '')} } from '#src/helper-threads.ts';
  ${before}
  await ${call};
  const threads = readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync('/proc/self/task/' + thread + '/stat', 'utf8');
    const end = stat.lastIndexOf(')');
    return { name: stat.slice(stat.indexOf('(') + 1, end), niceness: Number(stat.slice(end + 2).split(' ')[16]) };
  });
  console.log(JSON.stringify(threads));
`;

type Thread = { readonly name: string; readonly niceness: number };

const threadsAfter = async (call: string, before = ''): Promise<Thread[]> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program(call, before)]);
  return JSON.parse(stdout) as Thread[];
};

const isHelper = ({ name }: Thread): boolean => name === 'libuv-worker';

const onLinux = process.platform === 'linux' ? test : test.skip; // Only Linux has priorities of threads.

onLinux('the threads of libuv have a lower priority than the event loop and than the threads of V8', async (t) => {
  const threads = await threadsAfter('lowerHelperThreads()');
  const helpers = threads.filter(isHelper);
  t.is(helpers.length, 4);
  t.true(helpers.every(({ niceness }) => niceness >= 12));
  const others = threads.filter((thread) => !isHelper(thread));
  t.true(others.length > 1);
  t.true(others.every(({ niceness }) => niceness < 12));
});

onLinux('all threads of an attacker have a lower priority', async (t) => {
  // libuv makes its threads for the first work.
  const threads = await threadsAfter('lowerAllThreads(12)', `await readFile('package.json');`);
  t.true(threads.some(isHelper) && threads.some((thread) => !isHelper(thread)));
  t.deepEqual(
    threads.filter(({ niceness }) => niceness < 12),
    [],
  );
});
