import { AppError } from '../catalogue/errors.ts';

const detail = 'Invalid or expired token: UnknownUserError';

/** 401 for a valid token of a user who has no account here. Nothing is stored for such a user. */
export const unknownUser = (): AppError =>
  new AppError('token_user_unknown', detail, {
    headers: { 'WWW-Authenticate': `Bearer error="invalid_token", error_description="${detail}"` },
  });

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether an id can be the id of an account here. PostgreSQL refuses other texts in a UUID column. */
export const isAccountId = (id: string): boolean => uuid.test(id);
