#!/usr/bin/env python3
"""The yardstick: an export pipeline in Python of the usual kind, one step after the other.

requests streams the download to disk, zipfile extracts everything, gzip unpacks each file to another, boto3 uploads one
after the other. Environment: AMP_URL, S3_ENDPOINT. Works in the present directory.
"""
import gzip
import os
import shutil
import tempfile
import time
import zipfile

import boto3
import requests

DOWNLOADED, EXTRACTED = "downloaded_data", "extracted_data"


def download(url):
    path = os.path.join(DOWNLOADED, "export.zip")
    for _ in range(3):
        answer = requests.get(url, auth=("key", "secret"), stream=True, timeout=300)
        if answer.status_code != 504:
            break
        time.sleep(5)
    answer.raise_for_status()
    with open(path, "wb") as file:
        for chunk in answer.iter_content(chunk_size=8192):
            file.write(chunk)
    return path


def extract(path):
    with tempfile.TemporaryDirectory(dir=".") as folder:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        for root, _, names in os.walk(folder):
            for name in (name for name in names if name.endswith(".gz")):
                with gzip.open(os.path.join(root, name), "rb") as packed:
                    with open(os.path.join(EXTRACTED, name[: -len(".gz")]), "wb") as plain:
                        shutil.copyfileobj(packed, plain)
    os.remove(path)


def upload(endpoint):
    s3 = boto3.client("s3", endpoint_url=endpoint)
    for name in sorted(os.listdir(EXTRACTED)):
        path = os.path.join(EXTRACTED, name)
        s3.upload_file(path, "lake", f"events/{name}")
        os.remove(path)


if __name__ == "__main__":
    for directory in (DOWNLOADED, EXTRACTED):
        os.makedirs(directory)
    extract(download(os.environ["AMP_URL"]))
    upload(os.environ["S3_ENDPOINT"])
