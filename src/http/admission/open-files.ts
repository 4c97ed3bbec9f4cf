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

export type MaxConnections = {
  readonly total: number;
  readonly byAddress: number;
};

/**
 * The limits of the configuration, or lower ones if the process has not as many file descriptors. Connections that take all of them would leave none
 * to a pricing process, to the database and to a scrape of the metrics. With few descriptors the connections have half of them. An address keeps
 * its share of all connections, because one address must not take all of fewer ones.
 */
export const connectionsWithin = ({ total, byAddress }: MaxConnections, limits = readLimits()): MaxConnections => {
  const max = maxOpenFiles(limits);
  if (max === undefined) return { total, byAddress };
  const possible = Math.min(total, Math.max(max - otherFiles, Math.floor(max / 2)));
  return { total: possible, byAddress: Math.max(1, Math.floor((byAddress * possible) / total)) };
};
