import { AppError } from '#src/kernel/catalogue/errors.ts';

/** 401 for a key that is unknown, revoked or expired. The caller cannot see which, because a guess must tell nothing. */
export const apiKeyRefused = (): AppError =>
  new AppError('api_key_invalid', 'The API key is unknown, revoked or expired', {
    headers: { 'WWW-Authenticate': 'ApiKey realm="volwatch"' },
  });
