/**
 * Kinds of requests that are refused because they would use more than the share of a caller. The metric
 * `volwatch_abuse_refused_total`, the log line, the panel and the alert derive from this list.
 */
export const abuseKinds = [
  /** More rows, members, levels or tokens than the route takes; counted on the bytes. */
  'body_structure',
  /** A compressed body that grows by more than the allowed ratio or beyond the allowed size, or that unpacks to nothing. */
  'body_expansion',
  /** A body that arrives below the minimum rate. */
  'body_slow',
  /** A body on a route without a body. */
  'body_unexpected',
  /** More bodies are being read, or kept, than allowed: for one caller, or for all callers together. */
  'body_backlog',
  /** A caller has more requests of a load class in progress than allowed. */
  'concurrency_by_caller',
  /** A client reads its answer below the minimum rate. */
  'answer_slow',
  /** More bytes of answers wait for one caller, or for all callers, than allowed. */
  'answer_backlog',
  /** The estimated duration of the work exceeds the deadline of the request. */
  'work_estimate',
  /** A caller has more work in the pricing queue than allowed. */
  'work_by_caller',
  /** An Arrow stream whose lengths or offsets contradict the bytes that are present. */
  'arrow_invalid',
  /** Sign-ins that are delayed or refused, because many earlier ones failed. */
  'login_throttled',
  /** Credentials that are not looked up, because many of the same address were refused. */
  'credentials_refused',
  /** A credential whose owner was deleted or disabled. */
  'credential_without_owner',
  /** More messages were asked for than one e-mail address gets within an hour. */
  'mail_by_recipient',
  /** More messages were asked for than one account, or one network, can cause within an hour. */
  'mail_by_causer',
  /** A sync of a calendar was ended, because all syncs together keep too much memory. */
  'sync_memory',
  /** A caller has reached a quota of stored rows or bytes. */
  'storage_quota',
] as const;
export type AbuseKind = (typeof abuseKinds)[number];

export type AbuseReport = {
  /**
   * Counts one refusal. For each kind at most one line per minute is logged, with the number of refusals and the hashed
   * addresses with the most refusals.
   * @param clientIp the address of the caller, if it is known
   */
  readonly refused: (kind: AbuseKind, clientIp?: string) => void;
};

/** For tests that do not check reports. */
export const noAbuseReport: AbuseReport = { refused: () => {} };
