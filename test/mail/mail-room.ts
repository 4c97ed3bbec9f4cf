import type { ExecutionContext } from 'ava';
import { uuidv7 } from '#src/kernel/ids.ts';
import { noAbuseReport } from '#src/kernel/catalogue/abuse.ts';
import { AppError } from '#src/kernel/catalogue/errors.ts';
import type { JobData } from '#src/kernel/ports/jobs.ts';
import type { LogFields, Logger } from '#src/kernel/ports/logger.ts';
import { createMailDelivery } from '#src/mail/delivery.ts';
import { createMailLimits, type MailLimitsDeps } from '#src/mail/mail-limits.ts';
import { createOutbox, type Outbox } from '#src/mail/outbox.ts';
import { createSmtp, type Smtp } from '#src/mail/smtp.ts';
import { createPolicy } from '#src/resilience/policy.ts';
import { signedIn, startRoom, type Room, type RoomOptions, type RoomParts } from '#test/auth/room.ts';
import { startSmtpServer, type SmtpTestServer } from '#testkit/servers/smtp-server.ts';

export type MailRoom = Room & {
  readonly smtp: SmtpTestServer;
  readonly health: Smtp['healthCheck'];
  readonly lines: readonly LogFields[];
  readonly outbox: Outbox;
  readonly queues: { open: boolean; readonly waiting: JobData[]; readonly groups: (string | undefined)[] };
  /** Seconds of the jobs that were put back. */
  readonly pauses: readonly number[];
  /** Does one attempt of each waiting job. Jobs that fail wait again, unless `last`. @returns their error codes, and `put_back` */
  readonly work: (options?: { readonly last?: boolean }) => Promise<string[]>;
};

export type MailRoomOptions = Omit<RoomOptions, 'make'> & {
  readonly limits?: Partial<MailLimitsDeps>;
  readonly timeoutMs?: number;
  readonly make?: NonNullable<RoomOptions['make']>;
};

/** The auth room with the mail room and a real SMTP server. Messages are sent when a test says so. */
export const startMailRoom = async (t: ExecutionContext, options: MailRoomOptions = {}): Promise<MailRoom> => {
  const { limits = {}, timeoutMs = 30_000, make, ...roomOptions } = options;
  const smtp = await startSmtpServer(t);
  const lines: LogFields[] = [];
  const keep = (fields: LogFields, message: string): void => void lines.push({ ...fields, message });
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
  const queues: MailRoom['queues'] = { open: true, waiting: [], groups: [] };
  const made: { outbox?: Outbox; parts?: RoomParts } = {};
  const room = await startRoom(t, {
    ...roomOptions,
    make: (parts) => {
      const outbox = createOutbox({
        ...parts,
        isConfigured: true,
        jobs: {
          isOpen: () => queues.open,
          enqueue: async (_transaction, _queue, { data, group }) => {
            queues.waiting.push(data);
            queues.groups.push(group);
            return true;
          },
          lacksJob: () => 'true',
          enqueueAll: async (_transaction, _queue, added) => {
            for (const { data, group } of added) {
              queues.waiting.push(data);
              queues.groups.push(group);
            }
            return added.length;
          },
        },
        ids: uuidv7,
        logger,
        limits: createMailLimits({
          ...parts,
          abuse: noAbuseReport,
          networkKey: Buffer.from('networks'),
          maxPerRecipient: 5,
          tokenSeconds: {},
          maxPerAccount: 100,
          maxPerNetwork: 100,
          maxWaiting: 1_000,
          ...limits,
        }),
      });
      Object.assign(made, { outbox, parts });
      return { mail: outbox, logger, ...make?.(parts) };
    },
  });
  const parts = made.parts!;
  const policy = createPolicy({
    dependency: 'smtp',
    attemptTimeoutMs: timeoutMs + 1_000,
    retries: 0,
    breaker: { failures: 3, resetMs: 500 },
    bulkhead: { concurrent: 4, waiting: 0 },
    ...parts,
    logger,
  });
  const from = 'Volwatch <volwatch@example.org>';
  const transport = createSmtp({ url: smtp.url, from, requireTls: false, timeoutMs, policy, clock: parts.clock });
  const deliver = createMailDelivery({
    ...parts,
    write: room.auth.letters,
    ...transport,
    logger,
  });
  const live = AbortSignal.timeout(120_000);
  const pauses: number[] = [];
  return {
    ...room,
    smtp,
    health: transport.healthCheck,
    lines,
    outbox: made.outbox!,
    queues,
    pauses,
    work: async ({ last = false } = {}) => {
      const codes: string[] = [];
      for (const job of queues.waiting.splice(0)) {
        try {
          const putBack = await deliver(job, live, { last });
          if (!putBack) continue;
          pauses.push(putBack.putBackSeconds);
          codes.push('put_back');
          queues.waiting.push(job);
        } catch (error) {
          codes.push(error instanceof AppError ? error.code : String(error));
          if (!last) queues.waiting.push(job);
        }
      }
      return codes;
    },
  };
};

/** A user who is signed in. The message about the registration is forgotten. */
export const signedInUser = async (room: MailRoom) => {
  const user = await signedIn(room);
  room.queues.waiting.splice(0);
  await room.stored.query('delete from mail_message');
  return user;
};

/** The token in the newest message to this address. */
export const tokenFor = ({ smtp }: MailRoom, address: string): string => {
  const mail = smtp.received.findLast(({ to }) => to.includes(address));
  const [token] = /vwm_[\w-]{43}/.exec(mail?.text ?? '') ?? [];
  if (token === undefined) throw new Error(`no token was sent to ${address}`);
  return token;
};
