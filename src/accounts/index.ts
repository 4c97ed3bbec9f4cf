export { createAccountsRoutes } from './account-routes.ts';
export { createCallerSettings } from './caller-settings.ts';
export { createExportRoutes } from './export/export-routes.ts';
export { createPresetRoutes } from './presets/preset-routes.ts';
export { removeDocumentsOf } from './removal.ts';
