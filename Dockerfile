# Two images: `windrow` (the default: every door of the platform) and `tools` (Flower and celery-exporter).
# Docker and Buildah build both; `make image` says how.

# Any image with Python 3.11 or newer (`tools`: before 3.13) at `python`, with venv, and a shell to build with.
ARG BASE=python:3.11-slim-bookworm

# uv, and nothing that ends up in an image.
FROM ${BASE} AS uv
ARG UV_VERSION=0.13.9
RUN python -m venv /uv && /uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: uv==${UV_VERSION}
# Behind the base's: `python` stays its own.
ENV PATH=$PATH:/uv/bin UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PYTHON=python
WORKDIR /src

FROM uv AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/windrow
# What no door loads stays out: setuptools, and what only the Kubernetes client's asyncio half (`aio`) wants.
ENV WITHOUT="setuptools aiohttp aiohttp-retry aiohappyeyeballs aiosignal frozenlist multidict propcache yarl"
# The dependencies change less often than the code: they are a step of their own.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --extra summaries --extra traces --no-install-project \
      $(printf -- '--no-install-package %s ' ${WITHOUT})
COPY README.md LICENSE ./
COPY services services
RUN uv sync --frozen --no-default-groups --extra summaries --extra traces --no-editable \
      $(printf -- '--no-install-package %s ' ${WITHOUT})
# So do packages' own tests, headers and stubs, and country names in 200 languages.
RUN cd "$(/opt/windrow/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && rm -rf kubernetes/aio pycountry/locales \
 && find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
 && find . -type f \( -name '*_test.py' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.[ach]' \) -delete
# Bytecode that is right whatever time a copied file carries, and that costs no look at the source.
# The Kubernetes client's models and calls are 1,500 files; the scaler goes without them.
RUN /opt/windrow/bin/python -m compileall -q -j 0 -x '/kubernetes/client/(api|models)/[a-z]' \
      --invalidation-mode unchecked-hash /opt/windrow/lib

FROM uv AS build-tools
ENV UV_PROJECT_ENVIRONMENT=/opt/tools
COPY docker/tools ./
RUN uv sync --frozen --no-editable
RUN /opt/tools/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/tools/lib

# What both images stand on: the base, its own library compiled, without its installers, and with a user.
FROM ${BASE} AS runtime
RUN python -m compileall -q -j 0 -x '/(test|tests|idlelib|lib2to3)/' --invalidation-mode unchecked-hash \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# Debian's Python has pip and what venv needs as packages; the official images have pip, and ensurepip's copy of it.
RUN if dpkg --status python3-pip >/dev/null 2>&1; then \
      apt-get purge --yes --quiet --auto-remove $(dpkg-query --show --showformat '${Package}\n' \
        | grep -E '^python3.*-(pip|pip-whl|setuptools-whl|venv)$'); \
    else python -m pip uninstall --yes --quiet --root-user-action ignore setuptools wheel pip; fi \
 && rm -rf "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')/ensurepip" /var/log/apt /var/log/dpkg.log
RUN echo 'windrow:x:10001:' >>/etc/group \
 && echo 'windrow:x:10001:10001:Windrow:/tmp:/usr/sbin/nologin' >>/etc/passwd \
 && install -d /app
# Only /tmp is written to; Kubernetes mounts an emptyDir there.
ENV HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /app
# Worker and beat drain on TERM; so does the API.
STOPSIGNAL SIGTERM

FROM runtime AS tools
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="windrow-tools" \
      org.opencontainers.image.description="Flower and celery-exporter for Windrow." \
      org.opencontainers.image.licenses="BSD-3-Clause AND MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build-tools /opt/tools /opt/tools
ENV PATH=/opt/tools/bin:$PATH
# `celery flower …` (port 5555) or `celery-exporter …` (port 9808).
CMD ["celery", "flower"]

FROM runtime AS windrow
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="windrow" \
      org.opencontainers.image.description="Celery tasks as a production cluster service." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/windrow /opt/windrow
# An image of your own is two lines: FROM windrow, and COPY of your Celery project into /app.
ENV PATH=/opt/windrow/bin:$PATH PYTHONPATH=/app WINDROW_API_HOST=0.0.0.0 WINDROW_EXPORTER_HOST=0.0.0.0 \
    WINDROW_METRICS_HOST=0.0.0.0 WINDROW_LOG_FORMAT=json
# api 8000, exporter 9108, scaler 8081; worker and beat where WINDROW_METRICS_PORT says, if at all. A worker's and beat's liveness is `windrow alive`, which reads
# WINDROW_HEARTBEAT_FILE; the rest answers /livez.
EXPOSE 8000 9108 8081
ENTRYPOINT ["windrow"]
CMD []
