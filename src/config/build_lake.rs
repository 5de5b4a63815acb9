//! `[lake]` from merged values.

use super::merged::Values;
use super::problem::Report;
use super::sections::{Lake, LakePlace, S3, StoreChecksum};
use super::seeds;

pub(super) fn lake(values: &Values<'_>, report: &mut Report) -> Option<Lake> {
    let place = match values.text("lake.type").as_deref() {
        Some("s3") => LakePlace::S3(Box::new(s3(values, report)?)),
        _ => LakePlace::Directory { path: values.path("lake.path")? },
    };
    Some(Lake {
        place,
        format: values.format("lake.format"),
        part_target: values.number("lake.part_target"),
        max_parallel: values.count("lake.max_parallel"),
        single_writer: values.flag("lake.single_writer"),
        lease: values.maybe_time("lake.lease"),
        late_write: values.time("lake.late_write"),
    })
}

fn s3(values: &Values<'_>, report: &mut Report) -> Option<S3> {
    let aws = seeds::aws(values.environment, report);
    Some(S3 {
        bucket: values.text("lake.bucket")?,
        prefix: values.text("lake.prefix").unwrap_or_default(),
        region: values.text("lake.region").or(aws.region),
        endpoint: values.text("lake.endpoint"),
        path_style: values.flag("lake.path_style"),
        checksum: match values.text("lake.checksum").as_deref() {
            Some("crc32") => StoreChecksum::Crc32,
            Some("sha256") => StoreChecksum::Sha256,
            Some("none") => StoreChecksum::None,
            _ => StoreChecksum::Crc64Nvme,
        },
        storage_class: values.text("lake.storage_class"),
        sse: values.text("lake.sse"),
        kms_key: values.text("lake.kms_key"),
        tags: values.tags("lake.tags"),
        part_size: values.number("lake.part_size"),
        seed_credentials: aws.credentials,
        seed_session_token: aws.session_token,
    })
}
