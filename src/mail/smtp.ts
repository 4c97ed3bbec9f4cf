import { AppError } from '#src/kernel/catalogue/errors.ts';
import { createDependencyHealth } from '#src/kernel/health/dependency-health.ts';
import type { Clock } from '#src/kernel/ports/clock.ts';
import type { HealthCheck } from '#src/kernel/ports/health.ts';
import type { Policy } from '#src/kernel/ports/policy.ts';
import { assertOutsideTransaction } from '#src/kernel/ports/unit-of-work.ts';
import { createRecipientRefusals, type RecipientRefusal } from './recipient-refusals.ts';
import type { Envelope, Send } from './send.ts';
import { deliver, SmtpFault, timeoutCode, type SmtpSessionOptions } from './smtp-session.ts';

export type SmtpDeps = SmtpSessionOptions & {
  /** The timeout of its attempts must be longer than `timeoutMs`. */
  readonly policy: Policy;
  readonly clock: Clock;
};

export type Smtp = {
  readonly send: Send;
  /** Milliseconds for which the circuit refuses messages; 0 if it does not. */
  readonly refusedMs: () => number;
  /** Health from the circuit state and the last message. The check sends nothing. */
  readonly healthCheck: HealthCheck;
};

/** An error with such a time does not open the circuit. */
const laterSeconds = 60;

/** The server refuses the sender, which is the same for all messages. */
const refusesSender = ({ command, responseCode }: SmtpFault): boolean =>
  command === 'MAIL FROM' && responseCode !== undefined && responseCode >= 500;

/**
 * Whether a later attempt can succeed although the server works. It asks for that itself (greylisting, limits). Or it took the connection and did
 * not take this message: a recipient can cause that, so it must not keep the messages of others from being sent.
 */
const isLater = (fault: SmtpFault): boolean =>
  (fault.phase === 'message' && !refusesSender(fault)) ||
  (fault.responseCode !== undefined && fault.responseCode < 500);

/** The error has no cause, because the cause can hold the address of the recipient. */
const toAppError = (fault: SmtpFault): AppError => {
  const { phase, code, responseCode } = fault;
  const what = [phase, code, responseCode].filter((part) => part !== undefined).join(' ');
  const options = isLater(fault) ? { retryAfter: laterSeconds } : {};
  if (code === timeoutCode)
    return new AppError('external_api_timeout', `The SMTP server did not answer: ${what}`, options);
  if (responseCode === undefined) {
    return new AppError('external_api_unavailable', `The SMTP server cannot be reached: ${what}`, options);
  }
  const errorCode = responseCode < 500 ? 'external_api_unavailable' : 'external_api_bad_response';
  return new AppError(errorCode, `The SMTP server refused: ${what}`, options);
};

/** Sends messages to an SMTP server, behind the policy that all of them share. */
export const createSmtp = (deps: SmtpDeps): Smtp => {
  const { policy, clock, timeoutMs } = deps;
  const { watch, healthCheck } = createDependencyHealth({ dependency: 'smtp', policy, work: 'message' });
  const refusals = createRecipientRefusals();

  type Attempt = { refusal?: RecipientRefusal | undefined };

  const attempt = async (envelope: Envelope, signal: AbortSignal, own: Attempt): Promise<'sent' | 'rejected'> => {
    try {
      await deliver(deps, envelope, signal);
      refusals.taken();
      return 'sent';
    } catch (error) {
      if (!(error instanceof SmtpFault)) throw error;
      own.refusal = refusals.judge(error, envelope.to);
      if (own.refusal === 'final') return 'rejected';
      // A doubtful one counts as a failure of the server, for health and metrics.
      throw toAppError(error);
    }
  };

  return {
    send: async (envelope, signal) => {
      assertOutsideTransaction('Sending mail');
      // Not idempotent: the server can have taken a message whose answer was lost. The queue retries later.
      const call = { signal, deadline: clock.monotonic() + timeoutMs, idempotent: false };
      let isTried = false;
      const own: Attempt = {};
      try {
        return await watch((run) =>
          run(call, (attemptSignal) => {
            isTried = true;
            return attempt(envelope, attemptSignal, own);
          }),
        );
      } catch (error) {
        if (own.refusal === 'doubtful') return 'doubted';
        if (isTried || signal.aborted) throw error;
        return 'refused';
      }
    },
    refusedMs: policy.refusedMs,
    healthCheck,
  };
};
