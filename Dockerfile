# A broker. BASE must have Node 20.
ARG BASE=node:20-bookworm-slim
FROM ${BASE} AS build
WORKDIR /samsa
COPY package.json package-lock.json .npmrc ./
RUN npm install --no-save --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
RUN node node_modules/typescript/bin/tsc -p tsconfig.json && npm prune --omit=dev

FROM ${BASE}
WORKDIR /samsa
COPY --from=build /samsa/node_modules node_modules
COPY --from=build /samsa/dist dist
COPY package.json ./
COPY bin bin
COPY config config
ENTRYPOINT ["node", "bin/samsa"]
CMD ["server-start", "config/server.properties"]
