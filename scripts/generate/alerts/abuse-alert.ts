import type { CauseAlert } from './cause-alert.ts';

const refused = 'volwatch_abuse_refused_total';

/** Some refusals are normal. Six per minute for 15 minutes show that a caller continues. */
const maxPerSecond = 0.1;

export const abusePersists: CauseAlert = {
  alert: 'AbusePersists',
  expr: `sum by (instance, kind) (rate(${refused}{job="volwatch"}[5m])) > ${maxPerSecond}`,
  for: '15m',
  severity: 'ticket',
  summary:
    '{{ $labels.instance }} refuses {{ $value | humanize }} requests per second as abuse ({{ $labels.kind }}), for 15 minutes',
  description:
    'Somebody keeps sending requests that use more than the share of one caller. They are refused; other callers are served.',
  proof: {
    series: { [`${refused}{job="volwatch",instance="a:9464",kind="body_expansion"}`]: '0x10 0+60x30 1800x30' },
    // Refusals begin at minute 10. At minute 20 they have lasted for less than 15 minutes.
    quiet: 20,
    fires: 35,
    over: 50,
    labels: { instance: 'a:9464', kind: 'body_expansion' },
    summary: 'a:9464 refuses 1 requests per second as abuse (body_expansion), for 15 minutes',
  },
};
