# Two stages: the first makes the environment by the Makefile's own steps (those that the tests run), the second
# holds nothing but that environment, and runs as a user without rights.
#
#   docker build -t paperkin .
#   docker run --rm -v paperkin:/library paperkin crawl snapshot:/library/arxiv-metadata.jsonl.gz
#   docker run --rm -p 8000:8000 -v paperkin:/library paperkin

FROM python:3.12-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /paperkin
COPY pyproject.toml Makefile README.md LICENSE ./
COPY indexer indexer
COPY service service
# The index of CPU builds: on Linux the general one would bring two gigabytes of CUDA.
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu PIP_NO_CACHE_DIR=1
RUN make install VENV=/paperkin/.venv

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 paperkin \
 && mkdir /library \
 && chown paperkin /library
COPY --from=build --chown=root:root /paperkin /paperkin
USER paperkin
WORKDIR /library
VOLUME /library
ENV PATH=/paperkin/.venv/bin:$PATH PAPERKIN_LIBRARY=sqlite:////library/paperkin.db \
    PAPERKIN_STATE=/library/state HF_HUB_OFFLINE=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/v1/health', timeout=4)"]
ENTRYPOINT ["paperkin"]
CMD ["serve", "--host", "0.0.0.0"]
