# A broker. BASE must have Node 20. It runs as user 10001, who owns /var/lib/samsa, /timelines and /samsa/.samsa
# and can write nowhere else; what is mounted there must be writable for that user.
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
RUN groupadd --gid 10001 samsa && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin samsa \
  && mkdir -p /var/lib/samsa /timelines .samsa && chown 10001:10001 /var/lib/samsa /timelines .samsa
# By number, so that who runs the image can see that it is not root.
USER 10001:10001
ENTRYPOINT ["node", "bin/samsa"]
CMD ["server-start", "config/server.properties"]
