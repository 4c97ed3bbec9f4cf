import { backgroundWork } from './runtime/background-work.ts';
import { calendar } from './runtime/calendar.ts';
import { connections } from './runtime/connections.ts';
import { dependencies } from './runtime/dependencies.ts';
import { process } from './runtime/process.ts';
import { storedData } from './runtime/stored-data.ts';
import { telemetry } from './runtime/telemetry.ts';
import type { DashboardSpec } from './spec.ts';

export const runtime: DashboardSpec = {
  uid: 'volwatch-runtime',
  file: 'dependencies-and-runtime',
  title: 'Volwatch / Dependencies and runtime',
  description: 'What the service stands on: PostgreSQL, Redis, providers, its own process, its own telemetry.',
  rows: [dependencies, backgroundWork, calendar, connections, storedData, process, telemetry],
};
