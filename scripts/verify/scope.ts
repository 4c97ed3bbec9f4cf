/** What was started, ended in the opposite order: scripts stand in for a test's context. */
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

/** Runs a script's work, ends what it started however it ends, and sets the exit status. */
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
  // What a failure left running, a loop of requests for one, does not keep the process.
  process.exit();
};
