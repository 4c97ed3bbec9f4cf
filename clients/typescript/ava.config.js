export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts'],
  workerThreads: false,
  // All files use one service, and arm its fault points.
  concurrency: 1,
  timeout: '120s',
};
