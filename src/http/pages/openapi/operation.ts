import { describeDeprecation } from '#src/kernel/requests/deprecation.ts';
import { managesAccount, type Route } from '#src/kernel/requests/route.ts';
import type { Components } from './components.ts';
import { withExamples, type OperationExamples } from './examples.ts';
import type { Json } from './json.ts';
import { parametersOf } from './parameters.ts';
import { contentOf, fileContentOf, responsesOf, type SharedResponses } from './responses.ts';
import { securityOf } from './security.ts';

/** `POST /pricing/price` -> `postPricingPrice`. */
const operationIdOf = ({ method, path }: Pick<Route, 'method' | 'path'>): string =>
  path === '/'
    ? `${method.toLowerCase()}Index`
    : method.toLowerCase() +
      path
        .split(/[^A-Za-z0-9]+/)
        .filter((word) => word !== '')
        .map((word) => word[0]!.toUpperCase() + word.slice(1))
        .join('');

const accessText = ({ auth }: Route): string | undefined => {
  if (auth === 'public') return undefined;
  if (auth === 'optional') return 'Needs no credentials. With credentials the limits of their owner apply.';
  const scope = typeof auth === 'object' ? ` with the scope \`${auth.scope}\`` : '';
  const whole = managesAccount(auth) ? ' A token of a user that was made with fewer scopes is refused.' : '';
  return `Needs credentials${scope}.${whole}`;
};

const descriptionOf = (route: Route): string =>
  [
    route.deprecated && describeDeprecation(route.deprecated),
    route.description ?? `${route.summary}.`,
    accessText(route),
    route.idempotency && 'Safe to repeat with the same `Idempotency-Key`.',
  ]
    .filter((text) => typeof text === 'string')
    .join('\n\n');

export type OperationParts = {
  readonly components: Components;
  readonly shared: SharedResponses;
  readonly examples: OperationExamples | undefined;
};

export const operationOf = (route: Route, { components, shared, examples }: OperationParts): Json => {
  const { body } = route.request;
  const { consumes = ['application/json'] } = route;
  const operation = {
    operationId: operationIdOf(route),
    tags: [route.tag],
    summary: route.summary,
    description: descriptionOf(route),
    ...(route.deprecated && { deprecated: true }),
    security: securityOf(route.auth),
    parameters: parametersOf(route, components),
    ...(body && {
      requestBody: {
        required: route.streamBody === true || !body.safeParse(undefined).success,
        content: route.streamBody ? fileContentOf(consumes) : contentOf(consumes, components.schemaOf(body, 'input')),
      },
    }),
    responses: responsesOf(route, components, shared),
  };
  return examples === undefined ? operation : withExamples(operation, examples);
};
