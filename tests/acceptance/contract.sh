#!/usr/bin/env bash
# The lake's contract tests against moto's S3 server, whose conditional writes are exact.
# Environment: AMPD_CACHE (a directory for the Python environment, outside the clone), CARGO_TARGET_DIR.
set -euo pipefail
name=contract
# shellcheck source=tests/acceptance/support.sh
source "$(dirname "${BASH_SOURCE[0]}")/support.sh"
start_moto
create_bucket lake
cd "$root"
AMPD_TEST_S3_ENDPOINT=$store AMPD_TEST_S3_BUCKET=lake \
    cargo test --locked --lib a_server_named_by_the_environment_keeps_the_contract
