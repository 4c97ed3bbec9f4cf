import { eventually } from '../eventually.ts';
import { call, serve, type Teardown } from '../running-service.ts';
import { startGoogleServer } from '../servers/google-server.ts';
import { accountLifeSteps } from './account-life-steps.ts';
import { accountSteps, user } from './account-steps.ts';
import { calendarSteps } from './calendar-steps.ts';
import { jobSteps } from './job-steps.ts';
import { marketSteps } from './market-steps.ts';
import { pricingSteps } from './pricing-steps.ts';
import { recordExamples, type AfterStep, type Recording } from './record.ts';
import { tokenOfMessage } from './token-of-message.ts';
import { userAdminSteps } from './user-steps.ts';

/** Starts a service and sends it each example of the documentation. */
export const recordAllExamples = async (
  t: Teardown,
  environment: Readonly<Record<string, string>>,
  afterStep?: AfterStep,
): Promise<Recording> => {
  const google = await startGoogleServer(t);
  const start = { dateTime: '2027-03-01T09:00:00Z' };
  google.put({ id: 'standup', summary: 'Standup', start, end: { dateTime: '2027-03-01T09:15:00Z' } });
  google.put({ id: 'earnings', summary: 'AAPL earnings', start: { date: '2027-03-02' }, end: { date: '2027-03-03' } });
  const service = await serve(t, { ...google.environment, ...environment });
  await service.ready(120_000);
  const paths = ['assets/AAPL/prices', 'indexes/TECH5_EW/values', 'indexes/SP500/values'];
  const isLoaded = async () => {
    const answers = await Promise.all(paths.map((path) => call(`${service.url}/api/v1/${path}?limit=1`)));
    return answers.every(({ body }) => (body['data'] as unknown[] | undefined)?.length === 1);
  };
  await eventually(isLoaded, 'the sample data are loaded', 60_000);
  const [token, ...otherAccountSteps] = accountSteps;
  return recordExamples(
    service,
    [
      token!,
      ...pricingSteps,
      ...jobSteps,
      ...marketSteps,
      ...otherAccountSteps,
      ...calendarSteps(google),
      ...accountLifeSteps(user.email, (to, subject) => tokenOfMessage(service, to, subject)),
      ...userAdminSteps,
    ],
    afterStep,
  );
};
