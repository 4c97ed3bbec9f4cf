/** The lock that a refresh of the universe holds, and a change of its definition too. */
export const refreshLockName = (universe: string): string => `refresh:${universe}`;
