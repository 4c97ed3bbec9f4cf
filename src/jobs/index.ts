export { createJobs, type JobHandlers, type Jobs } from './jobs.ts';
