/**
 * Level `error` means that an operator must act. Field names are snake_case. The implementation adds request and trace
 * ids.
 */
export type Logger = {
  readonly debug: (fields: LogFields, message: string) => void;
  readonly info: (fields: LogFields, message: string) => void;
  readonly warn: (fields: LogFields, message: string) => void;
  readonly error: (fields: LogFields, message: string) => void;
};
export type LogFields = Readonly<Record<string, unknown>>;

const nothing = (): void => {};
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
