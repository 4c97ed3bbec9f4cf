import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export type Person = {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  /** The client address of the registration and the sign-in. */
  readonly address: string;
  readonly token: string;
};

export type People = {
  /** Registers new users and signs them in. */
  readonly make: (count: number) => Promise<readonly Person[]>;
  /** Creates API keys of a person. */
  readonly keys: (person: Person, count: number) => Promise<readonly string[]>;
  /** Signs in and returns a new access token. */
  readonly token: (person: Person) => Promise<string>;
  /** Signs in with the correct password and returns the status. */
  readonly signIn: (person: Person, address: string) => Promise<number>;
};

/** Max time that one request of a set-up is repeated. The set-up of an attack may take 60 s (`maxPrepareMs`). */
const maxSetUpMs = 45_000;
/** The service answers within 30 s. A registration of a stranger beside a flood of registrations may wait that long. */
const maxAnswerMs = 35_000;

type Answer = { readonly status: number; readonly body: Record<string, unknown> };

/** `fetch` tells the reason of its failures only as the cause. */
const errorText = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined ? `${String(error)}: ${errorText(error.cause)}` : String(error);

/** Repeats a step of a set-up until it has this status, because the service sheds load during an attack. */
export const mustAnswer = async <Given extends { readonly status: number }>(
  status: number,
  attempt: () => Promise<Given>,
): Promise<Given> => {
  let last = '';
  for (const end = Date.now() + maxSetUpMs; Date.now() < end; await sleep(500)) {
    try {
      const answer = await attempt();
      if (answer.status === status) return answer;
      last = JSON.stringify(answer);
    } catch (error) {
      last = errorText(error);
    }
  }
  throw new Error(`the set-up of an attack failed: ${last}`);
};

/** Creates ordinary users, each with its own address, for attacks that need an account. */
export const createPeople = (api: string): People => {
  let made = 0;
  const post = async (path: string, address: string, body: unknown, token?: string): Promise<Answer> => {
    const response = await fetch(`${api}${path}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Forwarded-For': address,
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(maxAnswerMs),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const must = async (status: number, attempt: () => Promise<Answer>): Promise<Record<string, unknown>> =>
    (await mustAnswer(status, attempt)).body;
  const signIn = ({ email, password }: Pick<Person, 'email' | 'password'>, address: string): Promise<Answer> =>
    post('/auth/login', address, { email, password });

  const makeOne = async (): Promise<Person> => {
    made += 1;
    const address = `198.51.${Math.floor(made / 250)}.${1 + (made % 250)}`;
    const email = `person-${made}-${randomBytes(4).toString('hex')}@example.com`;
    const password = randomBytes(12).toString('hex');
    await must(202, () => post('/auth/register', address, { email, password }));
    const { access_token: token } = await must(200, () => signIn({ email, password }, address));
    const claims = JSON.parse(Buffer.from(String(token).split('.')[1]!, 'base64url').toString()) as { sub: string };
    return { id: claims.sub, email, password, address, token: String(token) };
  };

  return {
    make: async (count) => {
      const people: Person[] = [];
      while (people.length < count) people.push(await makeOne());
      return people;
    },
    keys: async (person, count) => {
      const keys: string[] = [];
      while (keys.length < count) {
        const name = `key ${keys.length}`;
        const made = await must(201, () =>
          post('/api-keys', person.address, { name, scopes: ['ml:read'] }, person.token),
        );
        keys.push(String(made['key']));
      }
      return keys;
    },
    token: async (person) => String((await must(200, () => signIn(person, person.address)))['access_token']),
    signIn: async (person, address) => (await signIn(person, address)).status,
  };
};
