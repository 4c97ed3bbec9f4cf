export { createBodyAdmission } from './admission/body-admission.ts';
export { createLoadShedding } from './admission/load-shedding.ts';
export { createAnswers } from './answers/answers.ts';
export { createApp } from './app.ts';
export { createHealth, type Health } from './health.ts';
export { createHttpServer, type HttpServer } from './server/server.ts';
