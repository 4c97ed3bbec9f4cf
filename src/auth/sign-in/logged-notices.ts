import type { AccountNotices } from '#src/kernel/ports/account-notices.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';

/** Writes notices to the log for operators. Owners get no message, because an attacker could cause many of them. */
export const createLoggedNotices = ({ logger }: { readonly logger: Logger }): AccountNotices => ({
  signInsThrottled: (userId) => {
    logger.warn({ user_id: userId }, 'sign-ins to an account are delayed after many wrong passwords');
  },
});
