export { createAccountsRoutes } from './account-routes.ts';
export { accountsEntities } from './entities.ts';
export { removeDocumentsOf } from './removal.ts';
