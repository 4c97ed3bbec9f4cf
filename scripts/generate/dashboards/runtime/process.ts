import { highest, of, quantile, quantiles, sumRate, type RowSpec } from '../spec.ts';

/** The event loop, the garbage collector and the memory. */
export const process: RowSpec = {
  title: 'Process',
  panels: [
    {
      id: 20,
      kind: 'timeseries',
      title: 'Event loop lag',
      description:
        'Lag at p50 and p99 by instance. 10 ms is the resolution of the timer that measures it, so an idle process shows about 10 ms. More than that delays requests.',
      unit: 'seconds',
      queries: ['p50', 'p99'].map((q) => ({
        expr: of(`nodejs_eventloop_lag_${q}_seconds`),
        legend: `${q} {{instance}}`,
      })),
    },
    {
      id: 21,
      kind: 'timeseries',
      title: 'Time in garbage collection',
      description: 'Seconds of collection per second, by kind.',
      unit: 'share',
      queries: [{ expr: sumRate(of('nodejs_gc_duration_seconds_sum'), 'kind'), legend: '{{kind}}' }],
    },
    {
      id: 22,
      kind: 'timeseries',
      title: 'Memory by instance',
      description: 'Resident memory and used heap by instance: a saw-tooth is well, a ramp is a leak.',
      unit: 'bytes',
      queries: [
        { expr: of('process_resident_memory_bytes'), legend: 'resident {{instance}}' },
        { expr: of('nodejs_heap_size_used_bytes'), legend: 'heap {{instance}}' },
      ],
    },
    {
      id: 68,
      kind: 'timeseries',
      title: 'Memory held by requests',
      description:
        'Bytes that requests hold by holder: bodies, answers that are not read, answers that are not complete, events of calendar syncs, connections. Resident memory far above the sum is garbage or free pages, which the service releases above 768 MB.',
      unit: 'bytes',
      queries: [{ expr: of('volwatch_request_memory_bytes'), legend: '{{holder}} {{instance}}' }],
    },
    {
      id: 69,
      kind: 'timeseries',
      title: 'Time of memory releases',
      description:
        'Seconds per second for which the service holds the event loop to collect garbage or to give free pages back by itself. The max is 0.08 for collections under load.',
      unit: 'share',
      queries: [{ expr: sumRate(of('volwatch_memory_release_seconds_total'), 'action'), legend: '{{action}}' }],
    },
    {
      id: 23,
      kind: 'timeseries',
      title: 'Memory held by request bodies',
      description:
        'Bytes of bodies in memory by instance, without the first BODY_LIMIT_BYTES of each. BODIES_LIMIT_BYTES is the max.',
      unit: 'bytes',
      queries: [{ expr: of('volwatch_http_body_bytes'), legend: '{{instance}}' }],
    },
    {
      id: 24,
      kind: 'timeseries',
      title: 'Request bodies being read',
      description: 'Bodies that are being read by instance. Many bodies and few bytes mean slow senders.',
      unit: 'count',
      queries: [{ expr: of('volwatch_http_bodies_in_progress'), legend: '{{instance}}' }],
    },
    {
      id: 25,
      kind: 'timeseries',
      title: 'Memory held by unread answers',
      description:
        'Bytes of answers that are kept until their clients read them, by instance. ANSWER_BACKLOG_BYTES is the max.',
      unit: 'bytes',
      queries: [{ expr: of('volwatch_http_answer_bytes_outstanding'), legend: '{{instance}}' }],
    },
    {
      id: 26,
      kind: 'timeseries',
      title: 'Answers cut by reason',
      description:
        'Connections per second that are cut while an answer is sent, by reason: read too slowly, not in time, or the backlog is full.',
      unit: 'events/s',
      queries: [{ expr: sumRate(of('volwatch_http_answers_cut_total'), 'reason'), legend: '{{reason}}' }],
    },
    {
      id: 63,
      kind: 'timeseries',
      title: 'Wait of requests for their start',
      description:
        'Requests that came in one turn of the event loop with many others start in later turns, one client after the other. A peak is a burst, such as a client that opens many connections. A lasting wait is more load than the instance can serve.',
      unit: 'seconds',
      exemplars: true,
      queries: quantiles(of('volwatch_http_start_wait_duration_seconds_bucket')),
    },
    {
      id: 65,
      kind: 'timeseries',
      title: 'Wait for places at p95',
      description:
        'How long works wait for one of the places that bound how many of them run at once: passwords, exports, large pages and bodies (those above 2 MB one at a time), searches, explanations, results of jobs, calls to Google, long syncs. Networks take turns, so a lasting wait means that many networks do this work.',
      unit: 'seconds',
      exemplars: true,
      queries: [
        {
          expr: highest(quantile(0.95, of('volwatch_places_wait_duration_seconds_bucket'), 'work'), 'work'),
          legend: '{{work}}',
        },
      ],
    },
    {
      id: 66,
      kind: 'timeseries',
      title: 'Works without a place',
      description:
        'Works per second that are refused with 503, because too many wait for a place. A caller with too many of them is counted as concurrency_by_caller in the panel of abuse.',
      unit: 'events/s',
      queries: [{ expr: highest(sumRate(of('volwatch_places_refused_total'), 'work'), 'work'), legend: '{{work}}' }],
    },
    {
      id: 64,
      kind: 'timeseries',
      title: 'Requests without a line in the log',
      description:
        'Requests per second whose connection was closed while they waited (abandoned; they are in no other panel), and those beyond the lines of a minute (omitted). A peak is a burst of a client that does not wait for its answers, or clients whose timeouts are shorter than the wait.',
      unit: 'requests/s',
      queries: [
        { expr: sumRate(of('volwatch_http_requests_abandoned_total'), 'instance'), legend: '{{instance}} abandoned' },
        { expr: sumRate(of('volwatch_http_request_lines_omitted_total'), 'instance'), legend: '{{instance}} omitted' },
      ],
    },
  ],
};
