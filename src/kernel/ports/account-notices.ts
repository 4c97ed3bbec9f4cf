/** Notices about an account that are not messages. The implementation logs them. */
export type AccountNotices = {
  /** Sign-ins to the account are delayed or refused, because many earlier attempts had a wrong password. */
  readonly signInsThrottled: (userId: string) => void;
};
