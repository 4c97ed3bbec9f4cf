import { highest, of, quantiles, shareOver, sumRate, type RowSpec } from '../spec.ts';

const fromCauses = { thresholdSource: 'alerts/rules/causes.yml' } as const;
const deliveries = 'volwatch_webhook_deliveries_total';

/** Jobs, webhooks and mail: no caller waits for this work. */
export const backgroundWork: RowSpec = {
  title: 'Background work',
  panels: [
    {
      id: 6,
      kind: 'timeseries',
      title: 'Waiting and dead jobs by queue',
      description:
        'Waiting jobs of the three fullest queues, jobs that used up their attempts, and failed jobs that later ones replaced, by queue.',
      unit: 'count',
      queries: [
        {
          expr: highest(`max by (queue) (${of('volwatch_jobs_queue_size', 'state="waiting"')})`, 'queue', 3),
          legend: '{{queue}} waiting',
        },
        {
          expr: highest(
            `sum by (queue) (increase(${of('volwatch_jobs_total', 'outcome="dead"')}[15m]))`,
            'queue',
            3,
            `sum by (queue) (increase(${of('volwatch_jobs_total', 'outcome="dead"')}[$__interval]))`,
          ),
          legend: '{{queue}} dead in 15 min',
        },
        {
          expr: highest(
            `sum by (queue) (increase(${of('volwatch_jobs_total', 'outcome="replaced"')}[15m]))`,
            'queue',
            3,
            `sum by (queue) (increase(${of('volwatch_jobs_total', 'outcome="replaced"')}[$__interval]))`,
          ),
          legend: '{{queue}} failed and replaced in 15 min',
        },
      ],
      alerts: ['JobsDying'],
    },
    {
      id: 33,
      kind: 'states',
      title: 'Job queues by instance',
      description:
        '1 while the queues are open and their statements succeed; 0: jobs wait, and no refresh is accepted.',
      unit: 'state',
      queries: [{ expr: of('volwatch_jobs_up'), legend: '{{instance}}' }],
      lowIsBad: true,
      thresholds: [{ value: 1, color: 'green' }],
      ...fromCauses,
      alerts: ['JobQueuesFailing'],
    },
    {
      id: 7,
      kind: 'timeseries',
      title: 'Webhook deliveries by outcome',
      description: 'Attempts at deliveries per second, by how they ended: failed ones are tried again, dead ones not.',
      unit: 'events/s',
      queries: [{ expr: sumRate(of(deliveries), 'outcome'), legend: '{{outcome}}' }],
      stacked: true,
    },
    {
      id: 8,
      kind: 'timeseries',
      title: 'Failed share of webhook attempts',
      description:
        'Failed and dead attempts of all, over 10 minutes. One receiver that is down shows here too: its webhook names it.',
      unit: 'share',
      queries: [
        { expr: shareOver('10m', of(deliveries, 'outcome=~"failed|dead"'), of(deliveries)), legend: 'failing' },
      ],
      thresholds: [{ value: 0.5, color: 'red' }],
      ...fromCauses,
      alerts: ['WebhookDeliveriesFailing'],
    },
    {
      id: 9,
      kind: 'timeseries',
      title: 'Webhook receiver duration',
      description: 'p50, p95 and p99 of attempts at deliveries; points open the trace.',
      unit: 'seconds',
      queries: quantiles(of('volwatch_webhook_delivery_duration_seconds_bucket')),
      rare: true,
      exemplars: true,
    },
    {
      id: 61,
      kind: 'timeseries',
      title: 'Mail by outcome',
      description:
        'Attempts to send messages per second by outcome. Dropped ones had nothing to send, limited ones were not stored.',
      unit: 'events/s',
      queries: [{ expr: sumRate(of('volwatch_mail_messages_total'), 'outcome'), legend: '{{outcome}}' }],
      stacked: true,
      alerts: ['MailNotDelivered'],
    },
    {
      id: 62,
      kind: 'timeseries',
      title: 'Oldest waiting message',
      description:
        'Age of the message that waits for the longest time to be sent. It grows while the SMTP server is down.',
      unit: 'seconds',
      queries: [{ expr: `max(${of('volwatch_mail_oldest_waiting_seconds')})`, legend: 'oldest' }],
    },
  ],
};
