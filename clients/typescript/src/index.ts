export {
  createClient,
  data,
  items,
  type ClientOptions,
  type components,
  type paths,
  type Refresh,
  type GridAnswer,
  type GridRequest,
  type VolwatchClient,
} from './client.js';
export type { Credentials } from './credentials.js';
export type { DateRange, UploadOptions } from './market.js';
export {
  ConnectionFailedError,
  ProblemError,
  RefreshTimeoutError,
  UnexpectedAnswerError,
  VolwatchError,
  type Category,
  type FieldError,
  type Problem,
} from './problem.js';
export { defaultRetries, type Retries } from './retries.js';
