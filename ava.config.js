/** It measures processor time for minutes, so it must not run beside other tests: `npm run event-loop:verify`. */
const eventLoop = 'test/service/event-loop/*.test.ts';
/** They start many processes, so they take a third of the time of all tests: `npm run test:long`. */
const long = 'test/**/*.long.test.ts';

const every = ['test/**/*.test.ts', `!${eventLoop}`];
/** scripts/test.ts sets the parts: `named` is what the command line names. */
const parts = { usual: [...every, `!${long}`], long: [long], named: every, eventLoop: [eventLoop] };

export default {
  extensions: ['ts'],
  files: parts[process.env.TEST_PART ?? 'named'],
  workerThreads: false,
  concurrency: 3,
  timeout: '120s',
};
