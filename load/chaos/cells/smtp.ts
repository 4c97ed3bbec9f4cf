import type { SmtpFault } from '#testkit/servers/smtp-server.ts';
import type { Cell } from '../cell.ts';
import type { Scrape } from '../scrape.ts';

const failed = (now: Scrape): number => now.sum('volwatch_mail_messages_total', { outcome: /failed|dead/ });

/** Callers must not notice: their requests only store a message. */
const cell = (name: string, how: string, fault: SmtpFault): Cell => ({
  group: 'smtp',
  name,
  how,
  probe: 'password_reset',
  codes: [],
  holdMs: 6_000,
  deadlineMs: 5_000,
  unhealthy: 'smtp',
  inject: ({ smtp }) => {
    smtp.fault = fault;
  },
  heal: ({ smtp }) => {
    smtp.fault = undefined;
  },
  hasEffect: (before, now) => failed(now) > failed(before),
});

export const smtpCells: readonly Cell[] = [
  cell('SMTP server silent', 'it takes connections and never answers the recipient', 'hang'),
  cell('SMTP server asks to come back later', '451 for every recipient', 451),
];
