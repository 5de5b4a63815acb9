//! `[warehouse]`, `[transform]` and `[notify.<name>]` from merged values.

use std::collections::BTreeMap;

use super::merged::Values;
use super::outlets::{DbtPlatform, Notify, NotifyEvent, NotifyKind, Snowflake, Transform, TransformCommand, Warehouse};
use super::problem::Report;
use super::secrets;

pub(super) fn warehouse(values: &Values<'_>, report: &mut Report) -> Option<Warehouse> {
    if values.text("warehouse.type").as_deref() != Some("snowflake") {
        return Some(Warehouse::None);
    }
    let private_key = secrets::find("warehouse.private_key", values, report);
    Some(Warehouse::Snowflake(Box::new(Snowflake {
        account: values.text("warehouse.account")?,
        user: values.text("warehouse.user")?,
        role: values.text("warehouse.role"),
        warehouse: values.text("warehouse.warehouse")?,
        database: values.text("warehouse.database")?,
        schema: values.text("warehouse.schema")?,
        stage: values.text("warehouse.stage"),
        private_key: private_key?,
        hours_per_transaction: values.count("warehouse.hours_per_transaction"),
    })))
}

pub(super) fn transform(values: &Values<'_>, report: &mut Report) -> Option<Transform> {
    let quiet_period = values.time("transform.quiet_period");
    let timeout = values.time("transform.timeout");
    match values.text("transform.type").as_deref() {
        Some("command") => Some(Transform::Command(TransformCommand {
            command: values.list("transform.command")?,
            dir: values.path("transform.dir"),
            quiet_period,
            timeout,
        })),
        Some("dbt_platform") => {
            let token = secrets::find("transform.token", values, report);
            Some(Transform::DbtPlatform(Box::new(DbtPlatform {
                account_id: values.text("transform.account_id")?,
                job_id: values.text("transform.job_id")?,
                base_url: values.text("transform.base_url"),
                token: token?,
                follow: values.text("transform.wait").as_deref() != Some("none"),
                rerun_on_failure: values.text("transform.on_failure").as_deref() == Some("rerun"),
                quiet_period,
                timeout,
            })))
        }
        _ => Some(Transform::None),
    }
}

pub(super) fn notify(values: &Values<'_>, report: &mut Report) -> Option<BTreeMap<String, Notify>> {
    let mut notifiers = BTreeMap::new();
    for name in values.names("notify") {
        let path = |key: &str| format!("notify.{name}.{key}");
        if !values.flag(&path("enabled")) {
            continue;
        }
        let on = values.list(&path("on"));
        let wanted = |event: &NotifyEvent| on.as_ref().is_none_or(|on| on.iter().any(|word| word == event.as_str()));
        let notifier = Notify {
            kind: if values.text(&path("type")).as_deref() == Some("slack") {
                NotifyKind::Slack
            } else {
                NotifyKind::Webhook
            },
            url: secrets::find(&path("url"), values, report)?,
            on: NotifyEvent::ALL.into_iter().filter(wanted).collect(),
            lag_over: values.time(&path("lag_over")),
            name: name.clone(),
        };
        notifiers.insert(name, notifier);
    }
    Some(notifiers)
}
