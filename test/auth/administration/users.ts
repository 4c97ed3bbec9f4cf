import { ada, bearer, type Room } from '../room.ts';

export type Credentials = Record<string, string>;

export const bob = { ...ada, email: 'bob@example.org' };

/** The credentials of the bootstrap client, which may have any scope. */
export const tokenOfClient = async (room: Room, scope = 'users:admin'): Promise<Credentials> => {
  const client = { client_id: 'desk', client_secret: 'bootstrap secret' };
  const { body } = await room.form('/auth/token', { grant_type: 'client_credentials', ...client, scope });
  return bearer(body['access_token']);
};

export const idOf = async (room: Room, email = ada.email): Promise<string> =>
  String((await room.stored.query('select id from user_account where email = $1', [email]))[0]?.['id']);

/** Changes a user. `version` is the value of `If-Match`; `*` fits every version. */
export const patch = (room: Room, id: string, body: object, by: Credentials, version = '*') =>
  room.json(`/users/${id}`, body, { 'If-Match': version, ...by }, 'PATCH');
