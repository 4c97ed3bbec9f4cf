import { ConfigError, loadConfig } from '#src/config/config.ts';

/** The faults of a configuration; empty if it is accepted. */
export const faultsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    loadConfig(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
};
