import type { Attack } from '../attack.ts';
import { each } from '../each.ts';
import { payloads } from '../payloads.ts';
import { rawRequest } from '../raw-request.ts';

const pricingJobs = '/api/v1/pricing/jobs';

const openJob = async (port: number, token: string): Promise<string | undefined> => {
  const answer = await fetch(`http://127.0.0.1:${port}${pricingJobs}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: '{}',
  }).catch(() => undefined);
  const body = (await answer?.json().catch(() => undefined)) as { readonly id?: string } | undefined;
  return body?.id;
};

export const jobStorage: Attack = {
  name: 'job storage',
  // 100 chunks of 4 MB fill one job, and the default request limits allow that many in a minute.
  minRequestsForRefusal: 150,
  run: async (field) => {
    const { port, people } = field;
    const users = await people.make(Math.min(2, field.addresses.length));
    const jobs = users.map(({ token }) => ({ token, id: openJob(port, token), chunks: 0 }));
    await each(field, { parallel: 4 }, async (number, address) => {
      const job = jobs[number % jobs.length]!;
      if (job.chunks === 100) {
        job.chunks = 0;
        job.id = openJob(port, job.token);
      }
      job.chunks += 1;
      const chunk = job.chunks;
      const id = (await job.id) ?? 'none';
      return rawRequest({
        ...field,
        address,
        method: 'PUT',
        path: `${pricingJobs}/${id}/chunks/${chunk}`,
        headers: { 'Content-Type': 'application/vnd.apache.arrow.stream', Authorization: `Bearer ${job.token}` },
        body: payloads.jobChunk(),
      });
    });
  },
};

/** Different pages of public lists. Each one would be an entry of the cache if every page were cached. */
export const manyPages: Attack = {
  name: 'many pages of public lists',
  run: (field) =>
    each(field, { parallel: 16 }, (number, address) =>
      rawRequest({
        ...field,
        address,
        method: 'GET',
        path: `/api/v1/assets/AAPL/prices?limit=${(number % 900) + 101}&from=2000-01-${String((number % 28) + 1).padStart(2, '0')}`,
      }),
    ),
};
