import type { BaseRequest } from '../inputs/base-request.ts';
import { formType } from '../inputs/declared-inputs.ts';
import type { HostileRequest } from '../inputs/hostile-request.ts';
import { denseForm, denseJson } from './largest-bodies.ts';

/** About 15 KB in 90 fields; the max are 16 KB and 100 fields. */
const manyHeaders = Object.fromEntries(Array.from({ length: 80 }, (_, each) => [`x-field-${each}`, 'v'.repeat(160)]));

/** Lists with as many entries as a head may have. */
const fullLists: Readonly<Record<string, string>> = {
  'if-none-match': 'a,'.repeat(7_500),
  cookie: '=;'.repeat(7_500),
};
const undecodableNames = '%&'.repeat(7_000);

/** What each request can have, whatever its route: long headers, a long query, and a body with very many values. */
export const fullRequests = (good: HostileRequest, { mediaType }: BaseRequest): HostileRequest[] => {
  const query = Array.from({ length: 49 }, (_, each) => `q${each}=${'%41'.repeat(50)}`).join('&');
  const withQuery = (more: string): HostileRequest => ({
    ...good,
    target: `${good.target}${good.target.includes('?') ? '&' : '?'}${more}`,
  });
  const requests: HostileRequest[] = [
    { ...good, headers: { ...good.headers, ...manyHeaders } },
    ...Object.entries(fullLists).map(([name, list]) => ({ ...good, headers: { ...good.headers, [name]: list } })),
    withQuery(query),
    withQuery(undecodableNames),
  ];
  if (mediaType?.includes('json')) requests.push({ ...good, body: denseJson() });
  if (mediaType === formType) requests.push({ ...good, body: denseForm() });
  return requests;
};
