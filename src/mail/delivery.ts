import { LockMode } from '@mikro-orm/core';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AppError, codeOf } from '#src/kernel/catalogue/errors.ts';
import type { LabelsOf, Metrics } from '#src/kernel/catalogue/metrics.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { JobHandler, PutBack } from '#src/kernel/ports/jobs.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';
import type { MailRequest, WriteLetter } from '#src/kernel/ports/account/mail.ts';
import type { Reader, UnitOfWork } from '#src/kernel/ports/unit-of-work.ts';
import { MailMessageEntity, type MailErrorCode, type MailState } from './entities.ts';
import type { Send } from './send.ts';

export type DeliveryDeps = {
  readonly unitOfWork: UnitOfWork;
  readonly reader: Reader;
  readonly write: WriteLetter;
  readonly send: Send;
  /** Milliseconds for which the circuit of the SMTP server refuses messages; 0 if it does not. */
  readonly refusedMs: () => number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
};

type Row = {
  readonly kind: MailRequest['kind'];
  readonly recipient: string;
  readonly user_id: string | null;
  readonly password_hash: string | null;
  readonly error_code: MailErrorCode | null;
  readonly created_at: Date | string;
};

type Waiting = {
  readonly message: MailRequest;
  readonly ageSeconds: number;
  /** An earlier attempt was the first doubtful refusal of the recipient. */
  readonly isDoubted: boolean;
};

type Outcome = LabelsOf<'volwatch_mail_messages_total'>['outcome'];

const refusedCode = 'external_api_bad_response' satisfies MailErrorCode;
const doubtedCode = 'recipient_doubted' satisfies MailErrorCode;

/** A younger message does not use up its attempts while the circuit is open. An older one does, so that it ends. */
const patienceSeconds = 86_400;
const maxPauseSeconds = 300;
/**
 * A server that refuses everybody for a while has time to recover, and each of its attempts at a recipient that does not exist counts against the service. So there
 * are two attempts, with this pause between.
 */
const doubtSeconds = 3_600;
/** For a message that found all places taken. */
const minPauseMs = 1_000;

/** The longer the server is down, the rarer each message is looked at, so that many of them do not keep the database busy. */
const pauseOf = (refusedMs: number, ageSeconds: number): PutBack => ({
  putBackSeconds: Math.ceil(Math.max(refusedMs / 1_000, Math.min(maxPauseSeconds, ageSeconds / 10))),
});

const stateAfter: Partial<Readonly<Record<Outcome, MailState>>> = { sent: 'sent', dropped: 'dropped', dead: 'dead' };

/** The handler of the mail queue. It does one attempt of one message; the queue retries when the handler throws. */
export const createMailDelivery = (deps: DeliveryDeps): JobHandler => {
  const { unitOfWork, reader, write, send, refusedMs, clock, metrics, logger } = deps;

  const readWaiting = async (id: string): Promise<Waiting | undefined> => {
    const [row] = await reader.query<Row>(
      `select kind, recipient, user_id, password_hash, error_code, created_at from mail_message where id = $1 and state = 'waiting'`,
      [id],
    );
    if (!row) return undefined;
    const { kind, recipient, user_id: userId, password_hash: passwordHash } = row;
    return {
      message: { kind, recipient, ...(userId !== null && { userId }), ...(passwordHash !== null && { passwordHash }) },
      isDoubted: row.error_code === doubtedCode,
      ageSeconds: (clock.now().getTime() - new Date(row.created_at).getTime()) / 1_000,
    };
  };

  const record = (id: string, outcome: Outcome, errorCode: MailErrorCode | null): Promise<void> =>
    unitOfWork.run({ operation: 'mail.delivery' }, async ({ em }) => {
      const waiting = { id, state: 'waiting' as const };
      const message = await em.findOne(MailMessageEntity, waiting, { lockMode: LockMode.PESSIMISTIC_WRITE });
      // The account was removed, or a worker whose lease had expired did the delivery after all.
      if (!message) return;
      const state = stateAfter[outcome];
      if (outcome !== 'dropped') message.attempts += 1;
      // A failure of another kind does not end the doubt, because the relay must see a doubtful recipient twice at most.
      if (outcome !== 'failed' || message.errorCode !== doubtedCode) message.errorCode = errorCode;
      if (state) Object.assign(message, { state, settledAt: clock.now(), passwordHash: null });
    });

  const report = (id: string, kind: MailRequest['kind'], outcome: Outcome, code: MailErrorCode | null): void => {
    metrics.count('volwatch_mail_messages_total', { kind, outcome });
    const fields = { message_id: id, kind, outcome, ...(code !== null && { code }) };
    if (outcome === 'failed' || outcome === 'dead') logger.warn(fields, 'a message was not sent');
    // Not even this line says whether an address has an account: it has only the id of the message.
    else logger.info(fields, 'a message was handled');
  };

  const finish = async (id: string, kind: MailRequest['kind'], outcome: Outcome, code: MailErrorCode | null) => {
    await record(id, outcome, code);
    report(id, kind, outcome, code);
  };

  return async ({ message_id: id = '' }, signal, { last }) => {
    const waiting = await readWaiting(id);
    if (!waiting) return;
    const { message, ageSeconds, isDoubted } = waiting;
    const { kind, recipient } = message;
    const mayPause = ageSeconds < patienceSeconds;
    if (mayPause && refusedMs() > 0) return pauseOf(refusedMs(), ageSeconds);
    const attributes = { 'volwatch.mail.kind': kind };
    return await trace
      .getTracer('volwatch.mail')
      .startActiveSpan('mail.deliver', { kind: SpanKind.CLIENT, attributes }, async (span) => {
        try {
          const letter = await write(message);
          if (!letter) return await finish(id, kind, 'dropped', null);
          const result = await send({ id, to: recipient, ...letter }, signal);
          if (result === 'sent') return await finish(id, kind, 'sent', null);
          if (result === 'refused') {
            if (mayPause) return pauseOf(Math.max(minPauseMs, refusedMs()), ageSeconds);
            throw new AppError('external_api_unavailable', 'The circuit of the SMTP server is open');
          }
          span.setAttribute('error.type', refusedCode);
          // Half of the pause, because the clocks of the process and of the database can differ.
          const isSecond = isDoubted && ageSeconds > doubtSeconds / 2;
          if (result === 'doubted' && !isSecond) {
            await finish(id, kind, 'failed', doubtedCode);
            return { putBackSeconds: doubtSeconds };
          }
          // The server refuses the recipient for ever, so a retry cannot help.
          await finish(id, kind, 'dead', refusedCode);
        } catch (error) {
          const code = codeOf(error);
          span.setAttribute('error.type', code);
          span.setStatus({ code: SpanStatusCode.ERROR });
          // The service itself stopped the attempt, so it does not count. The last attempt counts, because none follows.
          if (!signal.aborted || last) await finish(id, kind, last ? 'dead' : 'failed', code);
          throw error;
        } finally {
          span.end();
        }
      });
  };
};
