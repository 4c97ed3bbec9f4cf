import type { AbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { Metrics } from '#src/kernel/catalogue/metrics.ts';
import { assertWithinQuota } from '#src/kernel/lists/storage-quota.ts';
import { mailKinds, type MailKind, type MailRequest } from '#src/kernel/ports/account/mail.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { Query, Transaction } from '#src/kernel/ports/unit-of-work.ts';
import { siteHashOfRequest } from '#src/kernel/requests/callers/site-of-request.ts';
import { currentRequest } from '#src/kernel/requests/request-context.ts';

/** Life of the token in messages of these kinds. Other messages have none. */
export type TokenSeconds = Partial<Readonly<Record<MailKind, number>>>;

// SQL: one statement finds the largest network and its newest message.

export type MailLimitsDeps = {
  readonly clock: Clock;
  readonly abuse: AbuseReport;
  readonly metrics: Metrics;
  /** Key of the hashes of networks. It must be the same on all instances. */
  readonly networkKey: Uint8Array;
  /** Max number of messages of one kind to one recipient within an hour, beside those for tokens that have expired. */
  readonly maxPerRecipient: number;
  readonly tokenSeconds: TokenSeconds;
  /** Max number of messages that the user of one account can cause within an hour. */
  readonly maxPerAccount: number;
  /** Max number of messages that one network can cause within an hour. */
  readonly maxPerNetwork: number;
  /** Max number of messages that wait. Each cause has an equal share. */
  readonly maxWaiting: number;
};

export type MailCauser = { readonly user: string | null; readonly network: Buffer | null };

export type MailLimits = {
  /**
   * In a full share the newest message of the network that waits for most makes room for one of a network that waits for fewer.
   * @throws AppError `quota_exceeded` when too many messages of this cause wait
   */
  readonly assertMayWait: (transaction: Transaction, kind: MailKind) => Promise<void>;
  /**
   * Locks the causers until the end of the transaction, because of simultaneous requests exactly the max number must pass.
   * @returns who causes the message
   * @throws AppError `rate_limit_exceeded` when the account or the network has caused the max number of messages
   */
  readonly assertMayCause: (transaction: Transaction, message: MailRequest) => Promise<MailCauser>;
  /** A keyed hash of the network of the request; null if there is no request. */
  readonly networkOfRequest: () => Buffer | null;
  /**
   * Whether the recipient must get no more messages of this kind now. One more passes when the newest one is older than the life of
   * its token: else a stranger could use up the messages of an hour, and the owner would be without a token that works. A token for a new address
   * belongs to the account that asks for it, so there the first message of each account within this life passes, up to a second max.
   */
  readonly isRecipientAboveLimit: (transaction: Transaction, message: MailRequest) => Promise<boolean>;
  /** Whether so many notices of this kind wait for this account and recipient that they stand for one more. */
  readonly isSaid: (transaction: Transaction, notice: MailRequest) => Promise<boolean>;
  /** In a full share the newest notice of the account that waits for most makes room for one of an account that waits for fewer. */
  readonly mayNoticeWait: (transaction: Transaction, notice: MailRequest) => Promise<boolean>;
};

const hourMs = 3_600_000;

/** Kinds whose token belongs to the account that asks. Those of other accounts do not help its user. */
const kindsOfAskers: ReadonlySet<MailKind> = new Set(['email_change']);

/** How many times `maxPerRecipient` all accounts together can cause, with the first messages of each. */
const firstMessagesFactor = 4;

/**
 * Max number of notices of one kind that wait for one account at one address. They say the same, and two of them tell a user that one change
 * was not the own one. Without this max, accounts at an address that is answered late would fill the share of the notices of all.
 */
const maxAlike = 2;

/** Each cause has its own share of the waiting messages, so that a flood of one cause does not stop the others. */
const causeOf = {
  registration: 'registration',
  password_reset: 'password_reset',
  email_change: 'email_change',
  email_approval: 'email_change',
  password_changed: 'notice',
  email_changed: 'notice',
  removal_planned: 'notice',
  removal_cancelled: 'notice',
  second_factor_enabled: 'notice',
  second_factor_removed: 'notice',
} as const satisfies Readonly<Record<MailKind, string>>;

const causeCount = new Set(Object.values(causeOf)).size;

const kindsOfSameCause = (kind: MailKind): readonly MailKind[] =>
  mailKinds.filter((other) => causeOf[other] === causeOf[kind]);

const columns = { account: 'caused_by_user', network: 'caused_by_network' } as const;

export const createMailLimits = (deps: MailLimitsDeps): MailLimits => {
  const { clock, abuse, metrics, networkKey, maxPerRecipient, tokenSeconds, maxPerAccount, maxPerNetwork } = deps;
  const share = Math.floor(deps.maxWaiting / causeCount);

  const countWaiting = async (query: Query, kind: MailKind): Promise<number> => {
    const [row] = await query<{ waiting: number }>(
      `select count(*)::int as waiting from (
         select 1 from mail_message where state = 'waiting' and kind = any($1) limit $2
       ) as message`,
      [kindsOfSameCause(kind), share],
    );
    return row!.waiting;
  };

  const lock = (query: Query, name: string): Promise<unknown> =>
    query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);

  const hourAgo = (): Date => new Date(clock.now().getTime() - hourMs);

  const assertBelow = async (
    { query }: Transaction,
    causer: keyof typeof columns,
    value: string | Buffer,
    { max, kind }: { readonly max: number; readonly kind: MailKind },
  ): Promise<void> => {
    await lock(query, `mail causer ${causer} ${typeof value === 'string' ? value : value.toString('hex')}`);
    const [row] = await query<{ messages: number; oldest: Date | string | null }>(
      `select count(*)::int as messages, min(created_at) as oldest from mail_message
       where ${columns[causer]} = $1 and created_at > $2`,
      [value, hourAgo()],
    );
    if (row!.messages < max) return;
    abuse.refused('mail_by_causer', currentRequest()?.clientIp);
    metrics.count('volwatch_mail_messages_total', { kind, outcome: 'limited' });
    const freeMs = new Date(row!.oldest ?? clock.now()).getTime() + hourMs - clock.now().getTime();
    const retryAfter = Math.max(1, Math.ceil(freeMs / 1_000));
    const detail = `This ${causer} has caused the max number of messages of an hour, ${max}; the next one is possible in ${retryAfter} s`;
    throw new AppError('rate_limit_exceeded', detail, { retryAfter });
  };

  const networkOfRequest: MailLimits['networkOfRequest'] = () => siteHashOfRequest(networkKey) ?? null;

  /**
   * Makes room for a message of one who waits for few: the newest one of those who wait for most is not sent.
   * @param by what tells apart those who wait: the account of a notice, whose requests can come from any network, else the network
   * @returns whether there is room now
   */
  const displace = async (
    query: Query,
    kind: MailKind,
    by: 'user_id' | 'caused_by_network',
    own: string | Buffer | null,
  ): Promise<boolean> => {
    await lock(query, `mail share ${causeOf[kind]}`);
    const removed = await query<{ kind: MailKind }>(
      `with waiting as (
         select ${by} as owner, count(*) as messages from mail_message
         where state = 'waiting' and kind = any($1) and ${by} is not null group by 1
       ), largest as (
         select owner from waiting
         where messages > 1 + coalesce((select messages from waiting where owner = $2), 0)
         order by messages desc, owner limit 1
       )
       update mail_message set state = 'dropped', settled_at = $3, password_hash = null where id = (
         select id from mail_message where state = 'waiting' and kind = any($1)
           and ${by} = (select owner from largest) order by created_at desc, id desc limit 1
       ) returning kind`,
      [kindsOfSameCause(kind), own, clock.now()],
    );
    for (const message of removed) {
      metrics.count('volwatch_mail_messages_total', { kind: message.kind, outcome: 'limited' });
    }
    return removed.length > 0;
  };

  const isExpired = (kind: MailKind, newest: Date | string | null): boolean => {
    const seconds = tokenSeconds[kind];
    if (seconds === undefined || newest === null) return false;
    return new Date(newest).getTime() + seconds * 1_000 <= clock.now().getTime();
  };

  /** Whether no message for this account is on its way or sent whose token could still work. */
  const isFirstOfAsker = async (query: Query, { kind, recipient, userId }: MailRequest): Promise<boolean> => {
    const seconds = tokenSeconds[kind];
    if (!kindsOfAskers.has(kind) || userId === undefined || seconds === undefined) return false;
    const since = new Date(clock.now().getTime() - seconds * 1_000);
    const rows = await query(
      `select 1 from mail_message where recipient = $1 and kind = $2 and user_id = $3 and state in ('waiting', 'sent') and created_at > $4 limit 1`,
      [recipient, kind, userId, since],
    );
    return rows.length === 0;
  };

  return {
    networkOfRequest,

    isSaid: async ({ query }, { kind, recipient, userId }) => {
      const rows = await query(
        `select 1 from mail_message where recipient = $1 and kind = $2 and user_id = $3 and state = 'waiting' limit $4`,
        [recipient, kind, userId ?? null, maxAlike],
      );
      return rows.length === maxAlike;
    },

    mayNoticeWait: async ({ query }, { kind, userId }) =>
      (await countWaiting(query, kind)) < share || (await displace(query, kind, 'user_id', userId ?? null)),

    assertMayWait: async ({ query }, kind) => {
      const waiting = await countWaiting(query, kind);
      const isFull = waiting >= share && !(await displace(query, kind, 'caused_by_network', networkOfRequest()));
      assertWithinQuota(abuse, {
        quota: 'mail_messages',
        wanted: waiting + Number(isFull),
        max: isFull ? share : waiting,
        unit: 'messages',
        remedy: 'Too many messages of this kind wait to be sent; try again later.',
      });
    },

    assertMayCause: async (transaction, { kind, causedByUser: user }) => {
      const network = networkOfRequest();
      // Always the account first, so that two requests cannot wait for each other.
      if (user !== undefined) await assertBelow(transaction, 'account', user, { max: maxPerAccount, kind });
      if (network) await assertBelow(transaction, 'network', network, { max: maxPerNetwork, kind });
      return { user: user ?? null, network };
    },

    isRecipientAboveLimit: async ({ query }, message) => {
      const { kind, recipient } = message;
      await lock(query, `mail ${kind} ${recipient}`);
      const [row] = await query<{ messages: number; newest: Date | string | null }>(
        `select count(*)::int as messages, max(created_at) as newest from mail_message
         where recipient = $1 and kind = $2 and created_at > $3`,
        [recipient, kind, hourAgo()],
      );
      if (row!.messages < maxPerRecipient || isExpired(kind, row!.newest)) return false;
      if (row!.messages < firstMessagesFactor * maxPerRecipient && (await isFirstOfAsker(query, message))) return false;
      abuse.refused('mail_by_recipient', currentRequest()?.clientIp);
      metrics.count('volwatch_mail_messages_total', { kind, outcome: 'limited' });
      return true;
    },
  };
};
