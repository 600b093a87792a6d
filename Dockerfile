# One node: sdi, MapServer, and PostgreSQL for when SDI_DATABASE_URL is not set (then the database lies in the volume).
#
#   docker build -t sdi .
#   docker run -p 8080:8080 -v sdi-var:/srv/sdi/var sdi
#   docker run -p 8080:8080 -v sdi-var:/srv/sdi/var -v ./configs:/srv/sdi/configs:ro -e SDI_REGION=mine sdi
FROM debian:13-slim

# The packages of setup/apt.txt, and Debian's Python; PostgreSQL makes no server of its own (see setup/packages).
COPY setup/apt.txt setup/packages setup/python /tmp/setup/
RUN /tmp/setup/packages && apt-get install -y --no-install-recommends tini ca-certificates \
    && rm -rf /var/lib/apt/lists/* /tmp/setup

RUN useradd --create-home --home-dir /srv/sdi --shell /usr/sbin/nologin --uid 10001 sdi
WORKDIR /srv/sdi

# The libraries first: they change less often than the code.
COPY requirements.txt ./
RUN python3 -m venv /opt/sdi && /opt/sdi/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY pyproject.toml README.md LICENSE /tmp/sdi/
COPY sdi /tmp/sdi/sdi
COPY harvesters /tmp/sdi/harvesters
RUN /opt/sdi/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation /tmp/sdi \
    && rm -rf /tmp/sdi

COPY configs configs
COPY metadata metadata
COPY tiles tiles
RUN mkdir var && chown sdi: var

USER sdi
ENV PATH=/opt/sdi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SDI_HOME=/srv/sdi \
    SDI_HOST=0.0.0.0
VOLUME /srv/sdi/var
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD \
    python3 -c "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"SDI_PORT\") or 8080}/health')"
# Process 1 must collect orphans, which a killed server leaves behind.
ENTRYPOINT ["tini", "--", "sdi"]
CMD ["serve"]
