import { z } from 'zod';
import { ConnectionStringError } from '#src/kernel/connections/connection-string-error.ts';
import { parsePostgresUrl } from '#src/kernel/connections/postgres-url.ts';
import { list } from './parsers.ts';

/** Returns the message of a ConnectionStringError that `work` throws; undefined if it throws none. */
export const faultOf = (work: () => void): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof ConnectionStringError) return error.message;
    throw error;
  }
};

export const postgresUrl = z.string().superRefine((value, issues) => {
  const message = faultOf(() => void parsePostgresUrl(value));
  if (message !== undefined) issues.addIssue({ code: 'custom', message });
});

/** The issue names the entry by its number, because the entry itself can contain a password. */
export const postgresUrls = list.superRefine((urls, issues) => {
  for (const [index, url] of urls.entries()) {
    const message = faultOf(() => void parsePostgresUrl(url));
    if (message !== undefined) issues.addIssue({ code: 'custom', message: `(entry ${index + 1}) ${message}` });
  }
});
