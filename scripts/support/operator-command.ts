/** A command line that is not understood. */
export class UsageError extends Error {}

/** `parseArgs` throws errors of this type for unknown options. */
const isMisuse = (error: unknown): boolean =>
  error instanceof UsageError || (error instanceof TypeError && 'code' in error);

/**
 * Runs an operator's command and sets the exit status: 64 with the usage for a command line that is not understood, 1 for
 * another failure.
 */
export const runOnCommandLine = async (usage: string, work: () => Promise<number>): Promise<void> => {
  try {
    process.exitCode = await work();
  } catch (error) {
    const misused = isMisuse(error);
    console.error(error instanceof Error ? error.message : error);
    if (misused) console.error(usage);
    process.exitCode = misused ? 64 : 1;
  }
};
