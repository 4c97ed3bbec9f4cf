/** It measures processor time for minutes, so it must not run beside other tests: `npm run event-loop:verify`. */
const eventLoop = 'test/service/event-loop/*.test.ts';

export default {
  extensions: ['ts'],
  files: process.env.EVENT_LOOP === 'true' ? [eventLoop] : ['test/**/*.test.ts', `!${eventLoop}`],
  workerThreads: false,
  concurrency: 3,
  timeout: '120s',
};
