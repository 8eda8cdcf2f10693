# Relais as a container: slim, no root, nothing written but /var/lib/relais.
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --stop-timeout 60 \
#     -v relais-data:/var/lib/relais -v /etc/relais:/etc/relais:ro -p 2575:2575 relais
# In relais.toml: data = "/var/lib/relais", and host = "0.0.0.0" for the listeners, with TLS.
# Commands: docker exec CONTAINER relais status
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
      org.opencontainers.image.description="Tells a patient's doctor of an arrival in, or a release from, a prison health unit" \
      org.opencontainers.image.licenses="EUPL-1.2"
RUN useradd --system --no-log-init --uid 10001 --home-dir /var/lib/relais --shell /usr/sbin/nologin relais \
    && install -d -o relais -g relais -m 0700 /var/lib/relais
COPY --from=build /opt/relais /opt/relais
# The mappings are in the package; a folder /etc/relais/mappings takes their place.
ENV PATH=/opt/relais/bin:$PATH RELAIS_CONFIG=/etc/relais/relais.toml PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /var/lib/relais
VOLUME ["/var/lib/relais"]
EXPOSE 2575
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9464/readyz', timeout=4)"]
ENTRYPOINT ["relais"]
CMD ["serve"]
