#!/bin/sh
# The yardstick of who does it with tools: curl, then unzip, then igzip (two at a time) or gunzip, then rclone or aws.
# Environment: AMP_URL, S3_ENDPOINT. Works in the present directory.
set -eu
mkdir extracted
curl -sS -u key:secret -o export.zip "$AMP_URL"
unzip -q export.zip -d extracted
if command -v igzip >/dev/null; then
    # shellcheck disable=SC2016
    find extracted -name '*.gz' -print0 |
        xargs -0 -P2 -n8 sh -c 'for file; do igzip -d "$file" -o "${file%.gz}" && rm "$file"; done' _
else
    find extracted -name '*.gz' -exec gunzip {} +
fi
if command -v rclone >/dev/null; then
    rclone copy -q --config /dev/null --s3-provider Other --s3-access-key-id "$AWS_ACCESS_KEY_ID" \
        --s3-secret-access-key "$AWS_SECRET_ACCESS_KEY" --s3-endpoint "$S3_ENDPOINT" --s3-region us-east-1 \
        --s3-force-path-style --s3-no-check-bucket --transfers 8 extracted :s3:lake/events
else
    aws --endpoint-url "$S3_ENDPOINT" s3 cp --quiet --recursive extracted s3://lake/events/
fi
