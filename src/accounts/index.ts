export { createAccountsRoutes } from './account-routes.ts';
export { createAccountsEntities } from './entities.ts';
export { removeDocumentsOf } from './removal.ts';
