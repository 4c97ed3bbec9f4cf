import type { Transaction } from './unit-of-work.ts';

/** An answer that is stored as JSON for repeated requests. It must not contain a secret. */
export type StoredReply = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Is in the context of a handler that runs with an `Idempotency-Key`. */
export type IdempotencyClaim = {
  /**
   * Stores the answer for repeated requests in the transaction of the effect. So the commit stores both, even if the
   * process dies right after it. An answer that this request has got already is not replaced.
   * @throws AppError `idempotency_in_progress` if another process has taken over the key; then the transaction must be
   *   rolled back
   */
  readonly remember: (transaction: Transaction, reply: StoredReply) => Promise<void>;
  /**
   * Frees the key of work that goes on after its answer and has failed without an effect. It must be called in the
   * transaction that records the failure. A later request with the key then runs as a new one.
   */
  readonly release: (transaction: Transaction) => Promise<void>;
  /**
   * Says that `effect` stores the effect, and goes on after the answer or the error of this request. The key stays in use
   * until `effect` has ended, or until the lease of a dead process ends. Then repeated requests get the answer if `remember`
   * was called. Else the key is free for a new attempt.
   */
  readonly holdUntilEnd: (effect: Promise<unknown>) => void;
};

export type IdempotentRequest = {
  /** Kind and id of the principal. Keys of different subjects are different keys. */
  readonly subject: string;
  /** The owner whose quota the key counts against. For an API key: its user or client. */
  readonly owner: string;
  readonly key: string;
  /** Digest of method, route and parsed input. Two requests with the same key must have the same fingerprint. */
  readonly fingerprint: string;
};

export type Idempotency = {
  /**
   * Runs `work`. If the key was used before, returns the answer of the first request instead. An error of `work`
   * releases the key, unless the answer was already stored by `remember`.
   * @throws AppError `idempotency_key_reused`, `idempotency_in_progress`, `quota_exceeded`, of category database, or
   *   the error of `work`
   */
  readonly run: (
    request: IdempotentRequest,
    work: (claim: IdempotencyClaim) => Promise<StoredReply>,
  ) => Promise<{ readonly reply: StoredReply; readonly replayed: boolean }>;
};
