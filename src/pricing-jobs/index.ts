export { createPricingJobRoutes } from './pricing-job-routes.ts';
export { createPricingJobs, type PricingJobs } from './pricing-jobs.ts';
export { removeJobsOfEndedKeys } from './ended-keys.ts';
export { createPricingJobQuota } from './quota/quota.ts';
export { removeOldWrites } from './quota/written-bytes.ts';
export { removeCancelledChunks, removeOldPricingJobs, removePricingJobsOf } from './retention.ts';
