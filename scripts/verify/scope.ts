/**
 * Releases everything that a script started, in reverse order. It has the part of a test's context that testkit needs.
 */
export type Scope = {
  readonly teardown: (end: () => unknown) => void;
  readonly close: () => Promise<void>;
};

export const createScope = (): Scope => {
  const ends: (() => unknown)[] = [];
  return {
    teardown: (end) => void ends.push(end),
    close: async () => {
      for (const end of ends.splice(0).reverse()) {
        await Promise.resolve()
          .then(end)
          .catch((error: unknown) => console.error(error));
      }
    },
  };
};

/** Runs the work of a script, always releases what it started, and sets the exit status. */
export const withScope = async (work: (scope: Scope) => Promise<boolean>): Promise<void> => {
  const scope = createScope();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void scope.close().then(() => process.exit(1)));
  }
  try {
    process.exitCode = (await work(scope)) ? 0 : 1;
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    await scope.close();
  }
  // After a failure some work may still run, for example a loop of requests. It must not keep the process alive.
  process.exit();
};
