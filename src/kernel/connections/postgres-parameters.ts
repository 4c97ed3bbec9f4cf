import { ConnectionStringError } from './connection-string-error.ts';
import { tlsParameters } from './postgres-tls.ts';
import { pinnedBy } from './session-settings.ts';

const used = ['host', 'port', 'user', 'password', 'dbname', 'application_name', 'options', ...tlsParameters];

/** Parameters of libpq without an effect, because the service has its own timeouts and keep-alive settings. */
const withoutEffect = [
  'fallback_application_name',
  'connect_timeout',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
];

/** Parameters whose only accepted values ask for what the service does anyway. */
const acceptedValues: Readonly<Record<string, readonly string[]>> = {
  client_encoding: ['utf8', 'utf-8', 'unicode', 'auto'],
  target_session_attrs: ['any', 'read-write', 'primary'],
  channel_binding: ['prefer', 'disable'],
  gssencmode: ['prefer', 'disable'],
  sslcompression: ['0'],
  sslsni: ['1'],
  load_balance_hosts: ['disable'],
};

const known = new Set([...used, ...withoutEffect, ...Object.keys(acceptedValues)]);

/** Names of the settings in the parameter `options`: `-c name=value`, `-cname=value` and `--name=value`. */
const settingsIn = (options: string): readonly string[] =>
  [...options.matchAll(/(?:^|\s)(?:-c\s*|--)([\w.-]+)=/g)].map(([, name = '']) =>
    name.toLowerCase().replaceAll('-', '_'),
  );

/** @throws ConnectionStringError for a parameter that the service would have to ignore */
export const checkParameters = (parameters: ReadonlyMap<string, string>): void => {
  for (const [name, value] of parameters) {
    const remedy = pinnedBy(name);
    if (remedy !== undefined && !known.has(name)) {
      throw new ConnectionStringError(`has the parameter ${name}, which is not supported: ${remedy}`);
    }
    if (!known.has(name))
      throw new ConnectionStringError(`has the unknown parameter ${JSON.stringify(name.slice(0, 60))}`);
    const accepted = acceptedValues[name];
    if (accepted && !accepted.includes(value.toLowerCase())) {
      throw new ConnectionStringError(
        `has a value of ${name} that is not supported; supported: ${accepted.join(', ')}`,
      );
    }
  }
  for (const setting of settingsIn(parameters.get('options') ?? '')) {
    const remedy = pinnedBy(setting);
    if (remedy !== undefined) throw new ConnectionStringError(`sets ${setting} in its options: ${remedy}`);
  }
};
