import { recordedExamples, type OpenApiInfo } from '../http/index.ts';
import { refreshSchema } from '../market-data/index.ts';
import { webhookBodies } from '../webhooks/index.ts';
import type { Base } from './base.ts';

/** What the OpenAPI document says beside the routes. */
export const openApiInfo = ({ build }: Pick<Base, 'build'>): OpenApiInfo => ({
  title: 'Volwatch',
  version: build.version,
  description: build.description,
  webhooks: webhookBodies(refreshSchema),
  examples: recordedExamples,
});
