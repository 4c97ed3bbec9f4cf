/** What the owner of an account should hear about. Today an implementation logs it, because the service sends no e-mail. */
export type AccountNotices = {
  /** Sign-ins to the account are delayed or refused, because many attempts before had a wrong password. */
  readonly signInsThrottled: (userId: string) => void;
};
