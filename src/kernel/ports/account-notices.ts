/** Notices for the owner of an account. Today the implementation logs them, because the service sends no e-mail. */
export type AccountNotices = {
  /** Sign-ins to the account are delayed or refused, because many earlier attempts had a wrong password. */
  readonly signInsThrottled: (userId: string) => void;
};
