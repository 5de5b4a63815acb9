"""What stands around the measured process: the doubles of source and store, the simulator, configurations."""
import contextlib
import json
import os
import subprocess
import time
import urllib.parse
import urllib.request


def ask(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=600) as answer:
        return answer.read()


class Double:
    """One process of the doubles; it ends when we do."""

    def __init__(self, program, *arguments):
        self.child = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.child.stdout.readline().strip()
        if not self.url:
            raise SystemExit(f"{program} {arguments[0]} did not start")

    def stats(self):
        return json.loads(ask(self.url + "/__stats"))

    def end(self):
        self.child.stdin.close()
        self.child.wait()


class Sink(Double):
    """The double of a store; as a lake it is read like a directory."""

    def __init__(self, program, *arguments):
        super().__init__(program, "sink", *arguments)

    def reset(self):
        ask(self.url + "/__reset", "POST")

    def sizes(self):
        """The length of each object by its key, bucket and all."""
        lines = ask(self.url + "/__objects").decode().splitlines()
        return {key: int(size) for key, size in (line.rsplit("\t", 1) for line in lines)}

    def read(self, key):
        return ask(f"{self.url}/{urllib.parse.quote(key)}")

    def sha256(self, keys):
        """Of the objects, one after the other."""
        return ask(f"{self.url}/__sha256?" + urllib.parse.urlencode([("key", key) for key in keys])).decode()


@contextlib.contextmanager
def doubles(program, archive, source=(), sink=()):
    """A source of the archive and an empty store."""
    started = [Double(program, "source", "--archive", archive.path, *source)]
    try:
        started.append(Sink(program, *sink))
        yield started
    finally:
        for one in started:
            one.end()


SIM = """
[[projects]]
id = 187520
api_key = "key"
secret_key = "secret"
events_per_hour = {rows}
part_ids = [70, 627]
"""


@contextlib.contextmanager
def simulator(ampd, work, rows):
    """`ampd sim` with two members in every hour; answers its address."""
    with open(os.path.join(work, "sim.toml"), "w") as file:
        file.write(SIM.format(rows=rows))
    port_file = os.path.join(work, "sim.port")
    command = [ampd, "-c", "sim.toml", "-q", "-o", "none", "sim", "--listen", "127.0.0.1:0", "--port-file", port_file]
    child = subprocess.Popen(command, cwd=work)
    try:
        while not os.path.exists(port_file):
            if child.poll() is not None:
                raise SystemExit("ampd sim did not start")
            time.sleep(0.02)
        with open(port_file) as file:
            yield f"http://127.0.0.1:{file.read()}"
    finally:
        child.terminate()
        child.wait()


CONFIGURATION = """
version = 1
[source.web]
api_key = "key"
secret_key = "secret"
base_url = "{source}"
allow_custom_base_url = true
start = "{start}"
{more_of_source}
[lake]
{lake}
format = "{form}"
[staging]
dir = "staging"
[state]
dir = "state"
[admin]
socket = "{work}/ampd.sock"
[log]
dir = ""
{more}
"""
BUCKET = """type = "s3"
bucket = "lake"
region = "us-east-1"
endpoint = "{url}"
path_style = true"""
DIRECTORY = 'type = "local"\npath = "lake"'


def configure(work, source, start, lake, form="json.gz", more="", more_of_source=""):
    """Writes `ampd.toml` into a directory of its own. Everything is as a user has it who says nothing."""
    with open(os.path.join(work, "ampd.toml"), "w") as file:
        file.write(CONFIGURATION.format(**locals()))


def environment(**more):
    """Nothing of the caller's accounts, proxies and configuration."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_DEFAULT_REGION": "us-east-1"}
    return {**kept, **keys, "AWS_EC2_METADATA_DISABLED": "true", **more}
