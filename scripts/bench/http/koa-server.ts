/** The second yardstick: Koa with a body parser and a router, as most services use it, without validation or telemetry. */
import type { AddressInfo } from 'node:net';
import { Router } from '@koa/router';
import Koa from 'koa';
import { koaBody } from 'koa-body';
import { answer, type Body } from './bare-answer.ts';

const router = new Router();
for (const path of ['/api/v1/pricing/price', '/api/v1/pricing/batch']) {
  router.post(path, (ctx) => {
    ctx.body = answer(ctx.request.body as Body);
  });
}
const app = new Koa();
app.use(koaBody({ jsonLimit: '64mb' })).use(router.routes());
const server = app.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
