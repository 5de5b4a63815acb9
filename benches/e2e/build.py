"""Programs of this package, built where they are not given, and Python packages in an environment of their own."""
import json
import os
import subprocess
import sys

from figures import ROOT

PACKAGES = {"boto3": "boto3==1.44.5", "requests": "requests==2.34.2"}
# Only to read what a binary writes that has these formats.
PACKAGES_OF = {"json.zst": {"zstandard": "zstandard==0.25.0"}, "parquet": {"pyarrow": "pyarrow==26.0.1"}}


def bench(name):
    """The program of a bench, in the profile that ships."""
    command = ["cargo", "build", "--release", "--locked", "--bench", name, "--message-format=json-render-diagnostics"]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    messages = [json.loads(line) for line in told.splitlines()]
    return next(one["executable"] for one in messages if one.get("executable") and one["target"]["name"] == name)


def enter_environment(cache, formats):
    """Goes on in a Python that has the packages; they are installed once."""
    wanted = {**PACKAGES, **{name: pin for form in formats for name, pin in PACKAGES_OF.get(form, {}).items()}}
    home = os.path.join(cache, "python")
    python = os.path.join(home, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
    if subprocess.run([python, "-c", "import " + ", ".join(wanted)], capture_output=True).returncode != 0:
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted.values()], check=True)
    if sys.prefix != home:
        os.execv(python, [python, *sys.argv])
