import test from 'ava';
import { call } from '../../setup.ts';
import { program, slowTree, start } from '../start-pool.ts';

test.serial('a small batch does not wait until a large one of another caller ends', async (t) => {
  const { workers } = start(t, { filename: program, heapMegabytes: 512, longProcesses: 1, processes: 1 });
  const ended: string[] = [];
  const run = async (name: string, body: object): Promise<void> => {
    const request = {
      input: 'json',
      answer: ['json'],
      jsonDepth: 20,
      bytes: Buffer.from(JSON.stringify(body)),
    } as const;
    await workers.run(request, { caller: name, kind: 'batch', maxMs: 60_000 });
    ended.push(name);
  };
  const strike = Array.from({ length: 100_000 }, (_, row) => 60 + row / 1_000);
  const outputs = ['price', 'delta', 'gamma', 'vega', 'theta', 'rho', 'vanna', 'volga', 'charm', 'speed'];
  // The answers have 20 MB each.
  const large = { columns: { ...call, strike }, outputs };
  const small = { options: Array.from({ length: 1_000 }, () => call) };
  await run('first', small);
  await Promise.all([run('a', large), run('b', large), run('c', large), run('small', small)]);
  t.deepEqual(ended.slice(0, 2), ['first', 'small']);
});

test.serial('a long batch does not wait for the chunks of jobs, which can take minutes', async (t) => {
  const { workers } = start(t, {
    filename: program,
    heapMegabytes: 512,
    longProcesses: 1,
    processes: 1,
    shortWorkMs: 100,
  });
  const stopped = new AbortController();
  t.teardown(() => stopped.abort());
  const bytesOf = (rows: number, steps: number): Buffer =>
    Buffer.from(JSON.stringify({ options: Array.from({ length: rows }, () => ({ ...call, ...slowTree, steps })) }));
  const send = (caller: string, kind: 'job' | 'batch', bytes: Buffer, signal?: AbortSignal) =>
    workers.run(
      { input: 'json', answer: ['json'], jsonDepth: 20, bytes },
      { caller, kind, maxMs: 1e9, ...(signal && { signal }) },
    );
  const chunk = bytesOf(500, 10_001);
  const chunks = Array.from({ length: 5 }, (_, owner) =>
    t.throwsAsync(send(`owner ${owner}`, 'job', chunk, stopped.signal)),
  );
  const { size } = await send('client', 'batch', bytesOf(20, 5_001));
  t.is(size, 20);
  stopped.abort();
  await Promise.all(chunks);
});

test.serial('work of a second does not wait for work of half a minute', async (t) => {
  const { workers } = start(t, {
    filename: program,
    heapMegabytes: 512,
    longProcesses: 1,
    processes: 1,
    shortWorkMs: 100,
  });
  const stopped = new AbortController();
  t.teardown(() => stopped.abort());
  const send = (caller: string, rows: number, steps: number, signal?: AbortSignal) =>
    workers.run(
      {
        input: 'json',
        answer: ['json'],
        jsonDepth: 20,
        bytes: Buffer.from(
          JSON.stringify({ options: Array.from({ length: rows }, () => ({ ...call, ...slowTree, steps })) }),
        ),
      },
      { caller, kind: 'batch', maxMs: 1e9, ...(signal && { signal }) },
    );
  const long = Array.from({ length: 5 }, (_, caller) =>
    t.throwsAsync(send(`caller ${caller}`, 500, 10_001, stopped.signal)),
  );
  t.is((await send('client', 20, 5_001)).size, 20);
  stopped.abort();
  await Promise.all(long);
});
