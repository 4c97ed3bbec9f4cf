import { serve } from '#src/pricing/workers/serve.ts';

/** The program of a pricing process, and what may happen to it: the symbol of the first row says which. */
serve({
  before: (_, body) => {
    const text = Buffer.from(body).toString();
    if (text.includes('"exit"')) process.exit(7);
    if (text.includes('"throw"')) throw new TypeError('not ours');
    if (text.includes('"memory"')) {
      const hoard: number[][] = [];
      for (;;) hoard.push(Array.from({ length: 100_000 }, Math.random));
    }
    if (text.includes('"hang"')) for (;;);
  },
});
