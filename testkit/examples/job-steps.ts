import { arrowStream, columnsOf } from '../arrow/arrow-support.ts';
import type { MakeStep } from './step.ts';

const jobs = '/api/v1/pricing/jobs';
const caller = 'client';
const rows = [95, 100, 105].map((strike) => ({
  spot: 100,
  strike,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
}));

export const jobSteps: readonly MakeStep[] = [
  () => ({
    operation: `POST ${jobs}`,
    name: 'open',
    summary: 'Open a job',
    caller,
    headers: { 'Idempotency-Key': 'job-of-2026-11-26' },
    body: {},
    status: 201,
    keep: ({ id }) => ({ job: String(id) }),
  }),
  ({ job = '' }) => ({
    operation: `PUT ${jobs}/{id}/chunks/{number}`,
    name: 'chunk',
    summary: 'The first chunk',
    caller,
    path: { id: job, number: '1' },
    bytes: { type: 'application/vnd.apache.arrow.stream', content: arrowStream(columnsOf(rows)) },
    status: 202,
  }),
  ({ job = '' }) => ({
    operation: `POST ${jobs}/{id}/submit`,
    name: 'submit',
    summary: 'No more chunks',
    caller,
    path: { id: job },
  }),
  ({ job = '' }) => ({
    operation: `GET ${jobs}/{id}/chunks/{number}`,
    name: 'result',
    summary: 'The priced rows of a chunk',
    caller,
    path: { id: job, number: '1' },
    eventually: true,
  }),
  ({ job = '' }) => ({
    operation: `GET ${jobs}/{id}`,
    name: 'state',
    summary: 'The state of a job',
    caller,
    path: { id: job },
  }),
  ({ job = '' }) => ({
    operation: `DELETE ${jobs}/{id}`,
    name: 'cancel',
    summary: 'Remove a job',
    caller,
    path: { id: job },
    status: 204,
  }),
];
