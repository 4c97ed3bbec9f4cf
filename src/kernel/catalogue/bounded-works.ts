/** Works that wait for a place, because only a bounded number of each runs at once. The label `work` of metrics. */
export const boundedWorks = [
  'password',
  'client_secret',
  'decompression',
  'brotli_decompression',
  'account_export',
  'large_page',
  'large_body',
  'very_large_body',
  'event_search',
  'index_explanation',
  'job_result',
  'google_call_of_request',
  'google_call_of_job',
  'long_sync',
  'same_lock',
] as const;
export type BoundedWorkName = (typeof boundedWorks)[number];
