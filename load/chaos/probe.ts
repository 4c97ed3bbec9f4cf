import { setTimeout as sleep } from 'node:timers/promises';

export type Answer = {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ms: number;
  /** 0 when no answer came. */
  readonly status: number;
  readonly code: string;
  readonly traceId: string;
  readonly problem: boolean;
};

export type Probe = { readonly answers: readonly Answer[]; readonly stop: () => Promise<void> };

const ask = async (request: () => Promise<Response>): Promise<Answer> => {
  const at = Date.now();
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;
  try {
    const response = await request();
    const text = await response.text();
    const problem = response.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
    const body = problem ? (JSON.parse(text) as { code?: string }) : {};
    return {
      at,
      ms: elapsed(),
      status: response.status,
      code: body.code ?? '',
      traceId: response.headers.get('x-trace-id') ?? '',
      problem,
    };
  } catch {
    return { at, ms: elapsed(), status: 0, code: '', traceId: '', problem: false };
  }
};

/** Sends one request every `everyMs` milliseconds, even if earlier requests have no answer yet. */
export const startProbe = (request: () => Promise<Response>, everyMs: number): Probe => {
  const answers: Answer[] = [];
  const open = new Set<Promise<unknown>>();
  const stopped = new AbortController();
  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const one = ask(request).then((answer) => answers.push(answer));
      open.add(one);
      void one.finally(() => open.delete(one));
      await sleep(everyMs);
    }
  };
  const looping = loop();
  return {
    answers,
    stop: async () => {
      stopped.abort();
      await looping;
      await Promise.all(open);
    },
  };
};
