import { z } from 'zod';
import { list } from './parsers.ts';

const decodes = (text: string): boolean => {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
};

/**
 * What is wrong with a URL of Redis; undefined if nothing is. Parameters are refused, because a parameter that is not
 * honoured could have asked for encryption.
 */
const faultOf = (value: string): string | undefined => {
  const parsed = URL.parse(value);
  if (!parsed || !['redis:', 'rediss:'].includes(parsed.protocol)) {
    return 'must be a URL starting with redis:// or rediss://';
  }
  if (parsed.hostname === '') return 'must name a host, such as redis://cache.example:6379';
  if (parsed.search !== '' || parsed.hash !== '') return 'must not have parameters after ? or #';
  if (!/^\/?(\d{1,4})?$/.test(parsed.pathname)) return 'must have a database number after the host, or nothing';
  if (!decodes(parsed.username) || !decodes(parsed.password)) {
    return 'must have a user and a password in percent-encoding (`%` is written `%25`)';
  }
  return undefined;
};

export const redisUrl = z.string().superRefine((value, issues) => {
  const message = faultOf(value);
  if (message !== undefined) issues.addIssue({ code: 'custom', message });
});

const accountOf = (url: string): string => {
  const { protocol, username, password } = new URL(url);
  return JSON.stringify([protocol, username, password]);
};

/** Several nodes with one account. They have no database number, because a cluster and a sentinel have only one. */
export const redisUrls = list.superRefine((urls, issues) => {
  const [fault] = urls.flatMap((each) => faultOf(each) ?? []);
  const message =
    fault ??
    (urls.length === 0 ? 'must list at least one URL' : undefined) ??
    (urls.some((each) => !/^\/?0?$/.test(new URL(each).pathname)) ? 'must not have a database number' : undefined) ??
    (new Set(urls.map(accountOf)).size > 1 ? 'must have the same scheme, user and password in all URLs' : undefined);
  if (message !== undefined) issues.addIssue({ code: 'custom', message });
});
