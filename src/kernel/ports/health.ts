export const dependencies = ['postgres', 'redis', 'twelve_data', 'google_calendar', 'workers', 'jobs'] as const;
export type Dependency = (typeof dependencies)[number];

type DependencyStatus = 'up' | 'degraded' | 'down' | 'disabled';

/** What one check saw. `detail` holds no address, user name or secret. */
export type HealthReading = { readonly status: DependencyStatus; readonly detail?: string };

export type HealthCheck = {
  readonly dependency: Dependency;
  /** Required dependencies make the service `unavailable` and `/health/ready` 503 while down; others make it `degraded`. */
  readonly required: boolean;
  readonly check: (signal: AbortSignal) => Promise<HealthReading>;
};
