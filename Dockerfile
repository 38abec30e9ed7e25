# Scheduled checks in a container: docker build -t audit-watch . && docker run -v "$PWD/watch:/data" audit-watch
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY auditor ./auditor
COPY rules ./rules
RUN python -m pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python -m pip install --no-cache-dir --no-index --find-links /wheels usage-auditor \
    && useradd --create-home --uid 10001 audit && install -d -o audit /data
USER audit
# Configuration, archive, state and reports all live here; mount it.
WORKDIR /data
VOLUME /data
# Healthy as long as a run has finished in the last two days.
HEALTHCHECK --interval=1h --timeout=30s --start-period=30m CMD ["audit", "watch", "status", "--fail-if-older", "2", "--quiet"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["audit"]
CMD ["watch", "loop", "--at", "06:15"]
