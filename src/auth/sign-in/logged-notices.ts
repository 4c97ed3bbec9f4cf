import type { AccountNotices } from '#src/kernel/ports/account-notices.ts';
import type { Logger } from '#src/kernel/ports/logger.ts';

/** For operators, until owners can be reached by e-mail. */
export const createLoggedNotices = ({ logger }: { readonly logger: Logger }): AccountNotices => ({
  signInsThrottled: (userId) => {
    logger.warn({ user_id: userId }, 'sign-ins to an account are delayed after many wrong passwords');
  },
});
