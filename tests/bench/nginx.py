"""Bare MapServer and QGIS Server: FastCGI processes behind nginx, as their manuals set them up."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

from psycopg.conninfo import conninfo_to_dict

from sdi.db.database import Database
from sdi.services.ows.workers import MapservPool, write_config
from tests.bench.peers import running, wait_for
from tests.bench.timing import NoAnswer
from tests.features.conftest import free_port

QGIS = Path("/usr/lib/cgi-bin/qgis_mapserv.fcgi")
PROJECT = Path(__file__).parent / "peer.qgs"

CONFIGURATION = """
daemon off;
worker_processes 2;
user {user};
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  keepalive_requests 1000000;
  {temporary}
  fastcgi_buffers 256 64k;
  fastcgi_busy_buffers_size 1m;
  server {{
    listen 127.0.0.1:{port};
{locations}
  }}
}}
"""

LOCATION = """    location = /{name} {{
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param SERVER_NAME $server_name;
      fastcgi_param SERVER_PORT $server_port;
      fastcgi_param SCRIPT_NAME $fastcgi_script_name;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
{parameters}      fastcgi_pass unix:{socket};
    }}
"""


@contextmanager
def mapserver(maps: Mapping[str, Path], below: Path, folder: Path, workers: int) -> Iterator[str]:
    """Bare MapServer over mapfiles `below` a folder, each at `/<name>`; the address of its nginx. Raises NoAnswer."""
    folder.mkdir()
    config = write_config(folder / "mapserver.conf", maps=below)
    with MapservPool(folder / "s", workers, config, folder / "log"):
        locations = {name: (folder / "s", {"MS_MAPFILE": str(path)}) for name, path in maps.items()}
        with _nginx(locations, folder) as url:
            yield url


@contextmanager
def qgis_server(database: Database, folder: Path, workers: int) -> Iterator[str]:
    """QGIS Server over the project of the bench, at `/wms`; the address of its nginx. Raises NoAnswer."""
    folder.mkdir()
    if not QGIS.exists():
        raise NoAnswer(f"no {QGIS} here (Debian: qgis-server)")
    keys = {"dbname", "host", "port", "user", "password"}
    conninfo = " ".join(f"{key}='{value}'" for key, value in conninfo_to_dict(database.url).items() if key in keys)
    project = folder / PROJECT.name
    project.write_text(PROJECT.read_text(encoding="utf-8").replace("@conninfo@", escape(conninfo)), encoding="utf-8")
    variables = dict(os.environ) | {
        "QGIS_PROJECT_FILE": str(project), "QT_QPA_PLATFORM": "offscreen", "QGIS_SERVER_LOG_STDERR": "1",
        "QGIS_SERVER_LOG_LEVEL": "2", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder),
    }
    for alien in ("PYTHONPATH", "PROJ_LIB", "PROJ_DATA", "GDAL_DATA"):
        variables.pop(alien, None)
    with ExitStack() as stack, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen(1024)
        log = stack.enter_context((folder / "log").open("ab"))
        for _ in range(workers):
            process = subprocess.Popen([str(QGIS)], stdin=listener.fileno(), stdout=subprocess.DEVNULL, stderr=log,
                                       env=variables, cwd=folder)
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield stack.enter_context(_nginx({"wms": (folder / "s", {})}, folder))


@contextmanager
def _nginx(locations: Mapping[str, tuple[Path, Mapping[str, str]]], folder: Path) -> Iterator[str]:
    program = nginx_program()
    if program is None:
        raise NoAnswer("no nginx here")
    port = free_port()
    temporary = "\n  ".join(f"{kind}_temp_path {folder}/{kind};"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    written = "".join(
        LOCATION.format(name=name, socket=path, parameters="".join(
            f'      fastcgi_param {key} "{value}";\n' for key, value in parameters.items()))
        for name, (path, parameters) in locations.items())
    config = folder / "nginx.conf"
    config.write_text(CONFIGURATION.format(user=getpass.getuser(), folder=folder, port=port, temporary=temporary,
                                           locations=written), encoding="utf-8")
    log = folder / "nginx.log"
    with running([program, "-e", str(folder / "error.log"), "-c", str(config)], os.environ, log) as process:
        wait_for(f"http://127.0.0.1:{port}/none", process, log)
        yield f"http://127.0.0.1:{port}"


def nginx_program() -> str | None:
    """Where nginx is, which Debian keeps from the path of users."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx_version() -> str:
    """As nginx says it, or nothing where it is not here."""
    program = nginx_program()
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr if program else ""
    return said.strip().rpartition("/")[2]


def qgis_version() -> str:
    """As its library's name has it, or nothing where it is not here."""
    found = sorted(Path("/usr/lib").rglob("libqgis_server.so.*.*"))
    return found[-1].name.partition(".so.")[2] if found else ""
