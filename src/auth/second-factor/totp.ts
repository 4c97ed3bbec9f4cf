import { Secret, TOTP } from 'otpauth';

/** The parameters that all authenticator programs support (RFC 6238). */
const parameters = { algorithm: 'SHA1', digits: 6, period: 30 } as const;
/** Periods before and after the current one whose codes are accepted, because clocks of phones differ. */
const window = 1;
const secretBytes = 20;

export const newTotpSecret = (): string => new Secret({ size: secretBytes }).base32;

/** The text of the QR code that authenticator programs read. */
export const totpUri = (secret: string, account: string): string =>
  new TOTP({ ...parameters, issuer: 'Volwatch', label: account, secret: Secret.fromBase32(secret) }).toString();

/** The period that a code belongs to. Undefined for a wrong code. */
export const stepOfCode = (secret: string, code: string, now: Date): number | undefined => {
  const timestamp = now.getTime();
  const difference = TOTP.validate({
    ...parameters,
    secret: Secret.fromBase32(secret),
    token: code,
    timestamp,
    window,
  });
  return difference === null ? undefined : TOTP.counter({ period: parameters.period, timestamp }) + difference;
};
