export { createAccountsRoutes } from './account-routes.ts';
export { createAccountsEntities } from './entities.ts';
export { createExportRoutes } from './export/export-routes.ts';
export { removeDocumentsOf } from './removal.ts';
