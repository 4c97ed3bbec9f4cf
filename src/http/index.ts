export { createBodyAdmission } from './admission/body-admission.ts';
export { createConnectionLimit } from './admission/connection-limit.ts';
export { createLoadShedding } from './admission/load-shedding.ts';
export { createRefusalDelay } from './admission/refusal-delay.ts';
export { createAnswers } from './answers/answers.ts';
export { createApp } from './app.ts';
export { createHealth, type Health } from './health.ts';
export { createIsTrustedProxy } from './server/client-ip.ts';
export { createHttpServer, type HttpServer } from './server/server.ts';
