import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Field } from '../attack.ts';
import type { Person } from '../people.ts';

/** A user who may upload prices, and a universe of uploaded prices. */
type Uploader = { readonly person: Person; token: string; readonly path: string };

const makeUploader = async ({ people, port, sql }: Field): Promise<Uploader> => {
  const [person] = await people.make(1);
  await sql(`update user_account set scopes = '{market:manage}' where id = $1`, [person!.id]);
  // A token holds the scopes of its sign-in, so a new one is needed.
  const token = await people.token(person!);
  const tag = randomBytes(3).toString('hex');
  const path = `/api/v1/universes/attacked-${tag}`;
  const symbol = tag.toUpperCase();
  const create = (): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'PUT',
      headers: {
        'Content-Type': 'application/json',
        'If-None-Match': '*',
        'X-Forwarded-For': person!.address,
        Authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({
        title: 'Attacked',
        source: 'upload',
        interval: '1day',
        assets: [{ symbol }],
        indexes: [{ code: `EW_${symbol}`, name: 'All', method: 'equal_weighted', constituents: [{ symbol }] }],
      }),
      signal: AbortSignal.timeout(20_000),
    });
  let created = await create();
  // Other attacks of the mixed run have begun already, so a busy service may refuse this at first.
  for (let attempt = 0; attempt < 10 && (created.status === 429 || created.status === 503); attempt += 1) {
    await created.arrayBuffer();
    await sleep(1_000);
    created = await create();
  }
  if (created.status !== 201) throw new Error(`no universe: ${created.status} ${await created.text()}`);
  return { person: person!, token, path };
};

export type Uploaders = {
  /** A new owner of the hostile uploads of one run, because the request limit of the earlier one may be used up. */
  readonly attacker: (field: Field) => Promise<Uploader>;
  /** Uploads small files of another owner, one after the other, until the work ends. */
  readonly during: (field: Field, work: () => Promise<void>) => Promise<Served>;
};

export type Served = {
  /** The share of the uploads that was stored. */
  readonly share: number;
  /** The last answer to each of the others, such as `503 Too many uploads at once`. */
  readonly refusals: readonly string[];
};

/** A busy service asks to try again later. A client that does so must be served within this time. */
const patienceMs = 20_000;

/** @returns undefined if the upload was stored, otherwise the last answer */
const uploadSmall = async ({ port, people }: Field, uploader: Uploader): Promise<string | undefined> => {
  const { person, path } = uploader;
  const symbol = path.slice(-6).toUpperCase();
  let refusal = 'no answer';
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(500)) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}/prices`, {
      method: 'POST',
      headers: {
        'Content-Type': 'text/csv',
        Prefer: 'wait=10',
        'X-Forwarded-For': person.address,
        Authorization: `Bearer ${uploader.token}`,
      },
      body: `symbol,date,close\n${symbol},2024-01-02,100\n${symbol},2024-01-03,101\n`,
      signal: AbortSignal.timeout(patienceMs),
    }).catch(() => undefined);
    const body = (await answer?.json().catch(() => undefined)) as { readonly detail?: string } | undefined;
    if (answer?.status === 200) return undefined;
    // All attacks together take longer than a token is valid.
    if (answer?.status === 401) uploader.token = await people.token(person);
    if (answer !== undefined) refusal = `${answer.status} ${body?.detail ?? ''}`.trimEnd();
  }
  return refusal;
};

/** The well-behaved uploader is made once for a service. */
export const createUploaders = (): Uploaders => {
  const made = new WeakMap<object, Promise<Uploader>>();
  let turn: Promise<unknown> = Promise.resolve();

  const honestOf = (field: Field): Promise<Uploader> => {
    const known = made.get(field.people);
    if (known) return known;
    const found = makeUploader(field);
    // A failure is reported by whoever awaits the uploader.
    found.catch(() => {});
    made.set(field.people, found);
    return found;
  };

  return {
    attacker: makeUploader,
    during: async (field, work) => {
      const honest = await honestOf(field);
      const ending = new AbortController();
      const refusals: string[] = [];
      let tried = 0;
      const uploads = async (): Promise<void> => {
        do {
          // One at a time, also when several attacks run: one caller has one place.
          const upload = turn.then(() => uploadSmall(field, honest));
          turn = upload.catch(() => {});
          tried += 1;
          const refusal = await upload;
          if (refusal !== undefined) refusals.push(refusal);
          await sleep(300);
        } while (!ending.signal.aborted);
      };
      const ended = work().finally(() => ending.abort());
      await Promise.all([ended, uploads()]);
      return { share: 1 - refusals.length / tried, refusals };
    },
  };
};
