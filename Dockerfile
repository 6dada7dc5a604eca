# One image for every process; docker-compose.yml says which command each container runs.
#
# CUDA=true takes PyPI's build of torch, which brings the CUDA libraries along. CUDA=false takes the
# smaller CPU build from TORCH_INDEX_URL (the address PyTorch's install page names for "CPU"); without
# one it falls back to PyPI's build, which runs on a CPU as well.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
# The trainer compiles its kernels for the processor it runs on (training/engine/kernels/).
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml constraints.txt ./
COPY scripts/bootstrap.py scripts/bootstrap.py
ARG CUDA=false
ARG TORCH_INDEX_URL=
RUN python scripts/bootstrap.py requirements > /tmp/requirements.txt \
    && if [ "$CUDA" != true ] && [ -n "$TORCH_INDEX_URL" ]; then \
         pip install --index-url "$TORCH_INDEX_URL" "$(grep '^torch==' /tmp/requirements.txt)"; \
       fi \
    && pip install --constraint constraints.txt --requirement /tmp/requirements.txt \
    && rm /tmp/requirements.txt

COPY . .
RUN useradd --create-home --uid 1000 prefloop \
    && install --directory --owner prefloop --group prefloop --mode 0700 /data
USER prefloop
ENV PREFLOOP_DATA=/data
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", \
     "--worker-class", "gthread", "--workers", "2", "--threads", "8", "--keep-alive", "75", \
     "--timeout", "60", "--graceful-timeout", "5", "--no-control-socket"]
