import { setTimeout as sleep } from 'node:timers/promises';

export type Answer = {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ms: number;
  /** 0 when no answer came. */
  readonly status: number;
  readonly code: string;
  readonly traceId: string;
  /** It is a problem document, or an error of OAuth from the token endpoint. */
  readonly problem: boolean;
  /** The id of what a successful request made; empty if the answer names none. */
  readonly id: string;
};

export type Probe = { readonly answers: readonly Answer[]; readonly stop: () => Promise<void> };

const ask = async (request: () => Promise<Response>): Promise<Answer> => {
  const at = Date.now();
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;
  try {
    const response = await request();
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    const problem = type.startsWith('application/problem+json');
    // The token endpoint answers with the members of RFC 6749 and the code, not with a problem document.
    const isRefusal = problem || (response.status >= 400 && new URL(response.url).pathname.endsWith('/auth/token'));
    const isJson = problem || type.startsWith('application/json');
    const body = isJson ? (JSON.parse(text) as { code?: string; id?: unknown }) : {};
    return {
      at,
      ms: elapsed(),
      status: response.status,
      code: isRefusal ? (body.code ?? '') : '',
      traceId: response.headers.get('x-trace-id') ?? '',
      problem: isRefusal,
      id: response.ok && typeof body.id === 'string' ? body.id : '',
    };
  } catch {
    return { at, ms: elapsed(), status: 0, code: '', traceId: '', problem: false, id: '' };
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
