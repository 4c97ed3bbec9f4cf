import { createScope, type Scope } from '#testkit/scope.ts';

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
