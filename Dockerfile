# syntax=docker/dockerfile:1
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The `node` package of the development dependencies is for laptops: the image brings its own Node.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:24.21.0-bookworm-slim
ARG GIT_COMMIT=unknown
ENV NODE_ENV=production GIT_COMMIT=${GIT_COMMIT}
# Large blocks that are freed go back to the system at once: docs/decisions/0121.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=16777216
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
# Its user `node`, by number so that a cluster can see that it is not root.
USER 1000
EXPOSE 3000 9464
# Node itself, so that signals reach it; no build step: it runs the TypeScript as it is.
CMD ["node", "--import", "./src/telemetry/preload.ts", "src/main.ts"]
