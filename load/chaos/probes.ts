import { eventually } from '#testkit/eventually.ts';
import type { ProbeName } from './cell.ts';
import { partsDefinition, partsUniverse } from './parts-state.ts';
import { definitionOf, fileOf, uploadedUniverse } from './uploaded-state.ts';
import type { World } from './world.ts';

const option = { spot: 100, strike: 105, time_to_expiry: 0.5, rate: 0.03, volatility: 0.2, option_type: 'call' };

const post = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    ...(body !== undefined && { body: JSON.stringify(body) }),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
  });

type UniverseRequest = {
  readonly api: string;
  readonly authorization: string;
  readonly name: string;
  readonly definition: object;
  readonly condition: object;
};

/** Creates or replaces a universe. */
const putUniverse = ({ api, authorization, name, definition, condition }: UniverseRequest): Promise<Response> =>
  fetch(`${api}/universes/${name}`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/json', ...condition },
    body: JSON.stringify(definition),
  });

/** The request of a cell's client and its interval in milliseconds. */
type Probing = { readonly request: () => Promise<Response>; readonly everyMs: number };

export const probeOf = async (name: ProbeName, world: World): Promise<Probing> => {
  const api = `${world.url}/api/v1`;
  const authorization = `Bearer ${await world.token()}`;
  let count = 0;
  let uses = 0;
  if (name === 'token') await world.rotations.caller();
  if (name === 'calendar') await world.connectCalendar();
  const user = { email: 'chaos@example.org', password: 'a rather long sentence' };
  if (name === 'password_reset') await post(`${api}/auth/register`, user);
  const uploaded = { api, authorization, name: uploadedUniverse, definition: definitionOf(0) };
  const ofProbe: Partial<Record<ProbeName, Omit<UniverseRequest, 'condition'>>> = {
    upload: uploaded,
    universe: uploaded,
    parts: { api, authorization, name: partsUniverse, definition: partsDefinition },
  };
  const needed = ofProbe[name];
  if (needed) {
    // The service is busy right after its start. 412: an earlier cell has made the universe.
    let last = 'no answer';
    const isMade = async (): Promise<boolean> => {
      const answer = await putUniverse({ ...needed, condition: { 'if-none-match': '*' } });
      last = `${answer.status} ${await answer.text()}`;
      return answer.ok || answer.status === 412;
    };
    await eventually(isMade, () => `the universe of the probe is made: ${last}`, 15_000);
  }
  /** One of the instances that get requests, in turn. */
  const instance = (): string => {
    const urls = world.urls();
    return `${urls[count++ % urls.length] ?? world.url}/api/v1`;
  };
  /** Takes a new token at one instance and uses it at the next one. Each second request uses the old token. */
  const useToken = async (): Promise<Response> => {
    const issuer = instance();
    const verifier = instance();
    const list = (bearer: string): Promise<Response> =>
      fetch(`${verifier}/refreshes?limit=1`, { headers: { authorization: bearer } });
    uses += 1;
    if (uses % 2 === 0) return list(authorization);
    const { id, secret } = await world.rotations.caller();
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: id, client_secret: secret });
    const response = await fetch(`${issuer}/auth/token`, { method: 'POST', body });
    if (!response.ok) return response;
    return list(`Bearer ${((await response.json()) as { access_token: string }).access_token}`);
  };
  const probes: Readonly<Record<ProbeName, Probing>> = {
    // The list of refreshes is not cached and is read from the primary.
    database: { everyMs: 100, request: () => fetch(`${api}/refreshes?limit=1`, { headers: { authorization } }) },
    // More rows than the cached page, so that each request reads from the database.
    read: { everyMs: 100, request: () => fetch(`${api}/indexes/TECH5_EW/values?limit=${(count++ % 900) + 101}`) },
    cached_read: { everyMs: 100, request: () => fetch(`${api}/indexes/TECH5_EW/values`) },
    refresh: {
      everyMs: 700,
      request: () => {
        world.nextGeneration();
        return post(`${api}/refreshes`, { universe: 'tech5' }, { authorization, prefer: 'wait=10' });
      },
    },
    parts: {
      everyMs: 700,
      request: () => {
        world.nextParts();
        return post(`${api}/refreshes`, { universe: partsUniverse }, { authorization, prefer: 'wait=10' });
      },
    },
    upload: {
      everyMs: 700,
      request: () =>
        fetch(`${api}/universes/${uploadedUniverse}/prices`, {
          method: 'POST',
          headers: { authorization, prefer: 'wait=10', 'content-type': 'text/csv' },
          body: fileOf(count++ % 10),
        }),
    },
    universe: {
      everyMs: 700,
      request: () => putUniverse({ ...uploaded, definition: definitionOf(count++), condition: { 'if-match': '*' } }),
    },
    calendar: {
      everyMs: 400,
      request: () => post(`${instance()}/calendar/sync/auto`, undefined, { authorization }),
    },
    token: { everyMs: 200, request: useToken },
    password_reset: {
      everyMs: 400,
      request: () => post(`${api}/account/password-reset`, { email: user.email }),
    },
    price: { everyMs: 50, request: () => post(`${api}/pricing/price`, option) },
    batch: {
      everyMs: 400,
      request: () => post(`${api}/pricing/batch`, { options: Array.from({ length: 20_000 }, () => option) }),
    },
  };
  return probes[name];
};
