import { readFileSync } from 'node:fs';

/** Descriptors for everything beside connections of clients: listening sockets, PostgreSQL, Redis, files, pipes. */
const otherFiles = 300;

/** @param limits the text of `/proc/self/limits`. @returns undefined if there is no limit, or none can be read */
const maxOpenFiles = (limits: string): number | undefined => {
  const found = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return found === undefined ? undefined : Number(found);
};

const readLimits = (): string => {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Another system than Linux.
    return '';
  }
};

/**
 * The limit of file descriptors of the process if it is too low for `CONNECTIONS_LIMIT`. Then the system refuses connections
 * before the service can make room for them.
 */
export const tooFewOpenFiles = (maxConnections: number, limits = readLimits()): number | undefined => {
  const max = maxOpenFiles(limits);
  return max !== undefined && max < maxConnections + otherFiles ? max : undefined;
};
