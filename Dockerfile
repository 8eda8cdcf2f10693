# Relais as a container: slim, no root, nothing written but /var/lib/relais.
#   docker run --read-only --tmpfs /tmp -v relais-data:/var/lib/relais \
#     -v /etc/relais:/etc/relais:ro -p 2575:2575 relais
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/relais
COPY requirements.lock ./
RUN /opt/relais/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY engine ./engine
COPY mappings ./mappings
RUN /opt/relais/bin/pip install --no-deps .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Relais" \
      org.opencontainers.image.licenses="EUPL-1.2"
RUN useradd --system --uid 10001 --home-dir /var/lib/relais --shell /usr/sbin/nologin relais \
    && install -d -o relais -g relais -m 0700 /var/lib/relais
COPY --from=build /opt/relais /opt/relais
COPY mappings /opt/relais/share/mappings
ENV PATH=/opt/relais/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /var/lib/relais
VOLUME ["/var/lib/relais"]
EXPOSE 2575
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9464/readyz', timeout=4)"]
ENTRYPOINT ["relais", "--config", "/etc/relais/relais.toml"]
CMD ["serve"]
