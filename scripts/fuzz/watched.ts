import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { FuzzFormat } from './formats.ts';
import type { FuzzReport, FuzzRun } from './report.ts';

/** Maximum size of the child's old generation. A pricing worker has 768 MB. */
const heapMegabytes = 256;
/** Maximum resident memory, including the code of Node and its libraries. */
const maxRssMegabytes = 600;
/** Maximum time for 50 mutants. */
const stallMs = 60_000;

/**
 * Runs `fuzzInProcess` in a child process. A child that ends early, makes no progress or uses too much memory is a
 * fault.
 */
export const fuzzWatched = async ({ name }: FuzzFormat, run: FuzzRun): Promise<FuzzReport> => {
  const script = new URL('in-process-child.ts', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${heapMegabytes}`, script, name, String(run.seed), String(run.from), String(run.count)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let last = run.from;
  let report: (FuzzReport & { readonly maxRssMegabytes: number }) | undefined;
  const end = (): void => void child.kill('SIGKILL');
  let timer = setTimeout(end, stallMs);
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(timer);
    timer = setTimeout(end, stallMs);
    if (line.startsWith('{')) report = JSON.parse(line) as typeof report;
    else last = Number(line);
  }
  clearTimeout(timer);
  const lost = (reason: string, known?: FuzzReport): FuzzReport => ({
    ...(known ?? { format: name, count: last - run.from, outcomes: {}, maxMs: 0 }),
    faults: [...(known?.faults ?? []), { index: last, reason, base64: '' }],
    faultsTotal: (known?.faultsTotal ?? 0) + 1,
  });
  if (report === undefined) return lost('the process ended or stood still within 50 mutants from this one on');
  if (report.maxRssMegabytes > maxRssMegabytes) return lost(`${report.maxRssMegabytes} MB were resident`, report);
  return { ...report, outcomes: { ...report.outcomes, 'MB resident': report.maxRssMegabytes } };
};
