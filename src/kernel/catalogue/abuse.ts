/**
 * Kinds of requests that are refused because they would use more than a caller's share. One list: the metric
 * `volwatch_abuse_refused_total`, the log line, the panel and the alert derive from it.
 */
export const abuseKinds = [
  /** More rows, members, levels or tokens than the route takes; counted on the bytes. */
  'body_structure',
  /** A compressed body that grows by more than the allowed ratio or beyond the allowed size. */
  'body_expansion',
  /** A body that arrives below the minimum rate. */
  'body_slow',
  /** A body on a route that takes none. */
  'body_unexpected',
  /** More bodies are being read, or kept, than allowed: for one caller, or for all callers together. */
  'body_backlog',
  /** A caller has more requests of a load class in progress than allowed. */
  'concurrency_by_caller',
  /** An answer that the client reads below the minimum rate. */
  'answer_slow',
  /** More bytes of answers wait for a caller, or for all callers, than allowed. */
  'answer_backlog',
  /** Work whose estimated duration exceeds the deadline of its request. */
  'work_estimate',
  /** A caller has more work in the pricing queue than allowed. */
  'work_by_caller',
  /** An Arrow stream whose lengths or offsets contradict the bytes that are present. */
  'arrow_invalid',
  /** Sign-ins that are delayed or refused because many before them failed. */
  'login_throttled',
  /** A credential whose owner does not exist any more, or is disabled. */
  'credential_without_owner',
  /** A caller reached a quota of stored rows or bytes. */
  'storage_quota',
] as const;
export type AbuseKind = (typeof abuseKinds)[number];

export type AbuseReport = {
  /**
   * Counts one refusal. The log gets one line a minute for each kind at most, with the number of refusals and the
   * hashed addresses that caused the most.
   * @param clientIp the address of the caller, where it is known
   */
  readonly refused: (kind: AbuseKind, clientIp?: string) => void;
};

/** For tests of rooms that report elsewhere. */
export const noAbuseReport: AbuseReport = { refused: () => {} };
