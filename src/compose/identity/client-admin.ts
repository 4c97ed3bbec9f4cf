import { createClientAdmin, type ClientAdmin, type ClientAdminDeps } from '../../auth/index.ts';
import { removeCalendarOf } from '../../calendar/index.ts';
import { removeWebhooksOf } from '../../webhooks/index.ts';

/** The commands of operators on OAuth clients, with what other rooms hold for a client. */
export const composeClientAdmin = (deps: Omit<ClientAdminDeps, 'removeDataOf'>): ClientAdmin => {
  const { audit } = deps;
  return createClientAdmin({
    ...deps,
    removeDataOf: async (transaction, owner, actor) => {
      await removeWebhooksOf(transaction, owner, { audit, actor });
      await removeCalendarOf(transaction, owner, { audit, actor });
    },
  });
};
