import { createClient, type ClientOptions } from '@volwatch/client';

const variable = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run npm run clients:typescript in the repository of the service`);
  return value;
};

export const url = variable('VOLWATCH_URL');
export const credentials = {
  clientId: variable('VOLWATCH_CLIENT_ID'),
  clientSecret: variable('VOLWATCH_CLIENT_SECRET'),
};
const adminUrl = variable('VOLWATCH_ADMIN_URL');

/** Makes a fault point of the service fail while `run` runs. */
export const withFault = async <Result>(
  point: string,
  fault: Readonly<Record<string, unknown>>,
  run: () => Promise<Result>,
): Promise<Result> => {
  const address = `${adminUrl}/faults/${point}`;
  const headers = { 'content-type': 'application/json' };
  const armed = await fetch(address, { method: 'PUT', headers, body: JSON.stringify(fault) });
  if (!armed.ok) throw new Error(await armed.text());
  try {
    return await run();
  } finally {
    await fetch(address, { method: 'DELETE' });
  }
};

/** A client that sends to the real service, and the requests and answers. */
export const recordingClient = (options: Partial<ClientOptions> = {}) => {
  const calls: { readonly request: Request; readonly response: Response }[] = [];
  const send = options.fetch ?? ((request: Request) => fetch(request));
  const client = createClient({
    url,
    credentials,
    ...options,
    fetch: async (request) => {
      const response = await send(request);
      calls.push({ request, response });
      return response;
    },
  });
  const paths = () => calls.map(({ request }) => `${request.method} ${new URL(request.url).pathname}`);
  return { client, calls, paths };
};

export const option = {
  spot: 100,
  strike: 105,
  time_to_expiry: 0.5,
  rate: 0.03,
  volatility: 0.2,
  option_type: 'call',
} as const;
