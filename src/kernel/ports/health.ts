export const dependencies = [
  'postgres',
  'redis',
  'twelve_data',
  'tiingo',
  'google_calendar',
  'smtp',
  'workers',
  'jobs',
] as const;
export type Dependency = (typeof dependencies)[number];

type DependencyStatus = 'up' | 'degraded' | 'down' | 'disabled';

/** The result of one check. `detail` must not contain an address, a user name or a secret. */
export type HealthReading = { readonly status: DependencyStatus; readonly detail?: string };

export type HealthCheck = {
  readonly dependency: Dependency;
  /**
   * While a required dependency is down, the service is `unavailable` and `/health/ready` answers 503. Others make it
   * `degraded`.
   */
  readonly required: boolean;
  readonly check: (signal: AbortSignal) => Promise<HealthReading>;
};
