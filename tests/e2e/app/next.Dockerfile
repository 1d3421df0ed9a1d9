# The platform's next release as an upgrade sees it: the same code, and a migration more.
ARG BASE=windrow
FROM ${BASE}
USER root
COPY next/ /next/
RUN cp /next/* "$(python -c 'import windrow.store.migrations.versions as v; print(next(iter(v.__path__)))')" && rm -r /next
USER 10001:10001
