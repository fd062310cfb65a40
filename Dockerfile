# One image for every process: `docker run … advent gateway | worker | console | sandbox`, or any other `advent` command.
# Built from the package, with exactly the versions of deploy/constraints/run.txt.
# BASE_IMAGE: anything with glibc 2.28 or newer, python3 >= 3.11 with venv, and ca-certificates. The digest is that of the
# index for all architectures.
ARG BASE_IMAGE=python:3.11.16-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# There are two environments: only /opt/advent is copied into the image; /opt/build, with pip and setuptools, is not.
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/advent
ENV PATH=/opt/build/bin:$PATH
WORKDIR /src

# Dependencies have their own layer, because they change less often than our code. Tracing is included, because nothing
# can be added to a read-only root; without OTEL_EXPORTER_OTLP_ENDPOINT it is not imported. The dashboard declares older
# dependencies than ours but works with ours; it imports only jinja2, which is installed.
COPY deploy/constraints deploy/constraints
RUN pip install --require-hashes --only-binary :all: --requirement deploy/constraints/installer.txt
RUN pip --python /opt/advent/bin/python install --require-hashes --only-binary :all: \
      --requirement deploy/constraints/run.txt \
  && pip --python /opt/advent/bin/python check \
  && pip --python /opt/advent/bin/python install --require-hashes --no-deps --requirement deploy/constraints/dashboard.txt

COPY pyproject.toml README.md ./
COPY common common
COPY actors actors
COPY services services
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
  && pip --python /opt/advent/bin/python install --no-deps dist/*.whl

FROM ${BASE_IMAGE}
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Advent" \
      org.opencontainers.image.description="A campaign engine: gateway, worker, console and sandbox" \
      org.opencontainers.image.version="${VERSION}"
# Loopback would be the container's own. Outside the container you decide which ports are published.
ENV PATH=/opt/advent/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    GATEWAY_HOST=0.0.0.0 \
    CONSOLE_HOST=0.0.0.0 \
    METRICS_HOST=0.0.0.0 \
    LOG_FORMAT=json
# Nothing is installed at run time, and the pip and setuptools of a base image may be old.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
  && groupadd --gid 10001 advent \
  && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin advent \
  && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /opt/advent /opt/advent
COPY deploy/image/healthy /usr/local/bin/healthy
# A number, because Kubernetes cannot tell from a name that the user is not root.
USER 10001:10001
# /data is writable for the processes, but nothing in it is executed or read as settings.
WORKDIR /
EXPOSE 8000 8001 8002 9191
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["healthy"]
# Every process can be PID 1: each handles SIGTERM and leaves no children behind.
ENTRYPOINT ["advent"]
CMD ["gateway"]
