# syntax=docker/dockerfile:1
# One image for web, worker and sweeper; docker-compose.yml says which runs what.
# CPU-only torch makes it several GB smaller: --build-arg TORCH=cpu --build-arg PIP_EXTRA_INDEX_URL=<PyTorch's index of CPU builds>

FROM python:3.11-slim-bookworm AS packages
ARG PIP_EXTRA_INDEX_URL=
ARG TORCH=cuda
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY locks locks
# Each file has a hash in a lock, and a lock names every package.
RUN PIP_EXTRA_INDEX_URL="$PIP_EXTRA_INDEX_URL" /opt/venv/bin/pip install --require-hashes --no-deps \
    -r locks/packages.txt -r "locks/torch-$TORCH.txt"

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv/market --shell /usr/sbin/nologin market \
    && install -d -o market -g market /data /data/media /data/bases /data/hub /data/checkpoints /backups
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/market
COPY manage.py LICENSE NOTICE ./
COPY market market
COPY workers workers
COPY pictures pictures
COPY plugins_engine plugins_engine
COPY templates templates
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    BIND_ADDRESS=0.0.0.0
USER market
# Hashed and compressed once, here. The key only lets the settings load; it is in no layer's environment.
RUN SECRET_KEY=only-while-this-image-is-being-built python manage.py collectstatic --no-input --verbosity 0
VOLUME /data/media
EXPOSE 8000
CMD ["python", "-m", "market.stack.web"]
