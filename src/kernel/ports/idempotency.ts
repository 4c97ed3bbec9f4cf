import type { Transaction } from './unit-of-work.ts';

/** An answer as it is stored for repetitions: JSON, so never that of a route which answers with a secret. */
export type StoredReply = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What a handler finds in its context while it runs under an `Idempotency-Key`. */
export type IdempotencyClaim = {
  /**
   * Stores, in the effect's own transaction, what a repetition is to be told should this process die after the commit.
   * The effect and its memory are then there together or not at all.
   * @throws AppError `idempotency_in_progress` when another process has taken the key over meanwhile: roll back
   */
  readonly remember: (transaction: Transaction, reply: StoredReply) => Promise<void>;
};

export type IdempotentRequest = {
  /** Whose key it is: kind and id of the principal. Others may use the same key. */
  readonly subject: string;
  /** Whose quota the key counts against: the user or client behind an API key. */
  readonly owner: string;
  readonly key: string;
  /** Tells one request from another: digest of method, route and everything parsed. */
  readonly fingerprint: string;
};

export type Idempotency = {
  /**
   * Runs `work` unless the key was used before: then answers what that request was answered. What `work` throws frees
   * the key, unless its effect has been remembered.
   * @throws AppError `idempotency_key_reused`, `idempotency_in_progress`, `quota_exceeded`, of category database, or what `work` threw
   */
  readonly run: (
    request: IdempotentRequest,
    work: (claim: IdempotencyClaim) => Promise<StoredReply>,
  ) => Promise<{ readonly reply: StoredReply; readonly replayed: boolean }>;
};
