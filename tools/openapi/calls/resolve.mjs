// The generators write imports without the extension `.ts`, as bundlers take them. Node needs the whole name.
import { registerHooks } from 'node:module';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const nameOf = (specifier, parent) => {
  if (!specifier.startsWith('.') || parent?.includes('/node_modules/') || /\.\w+s$/.test(specifier)) return specifier;
  const target = fileURLToPath(new URL(specifier, parent));
  return existsSync(`${target}.ts`) ? `${specifier}.ts` : `${specifier}/index.ts`;
};

registerHooks({
  resolve: (specifier, context, next) => next(nameOf(specifier, context.parentURL), context),
});
