//! What comes after the lake, typed: warehouse, transform, notifiers.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// `[warehouse]`
#[derive(Clone, Debug, Default)]
pub enum Warehouse {
    /// `type = "none"`
    #[default]
    None,
    /// `type = "snowflake"`
    Snowflake(Box<Snowflake>),
}

/// Snowflake, through its SQL API.
#[derive(Clone, Debug)]
pub struct Snowflake {
    /// Account identifier.
    pub account: String,
    /// User.
    pub user: String,
    /// Role; `None` for the user's default.
    pub role: Option<String>,
    /// Virtual warehouse.
    pub warehouse: String,
    /// Database.
    pub database: String,
    /// Schema.
    pub schema: String,
    /// External stage over the lake.
    pub stage: Option<String>,
    /// The user's private key, PEM.
    pub private_key: SecretString,
    /// Hours loaded in one transaction, at least 1.
    pub hours_per_transaction: usize,
}

/// `[transform]`
#[derive(Clone, Debug, Default)]
pub enum Transform {
    /// `type = "none"`
    #[default]
    None,
    /// `type = "command"`
    Command(TransformCommand),
    /// `type = "dbt_platform"`
    DbtPlatform(Box<DbtPlatform>),
}

/// A command on this machine.
#[derive(Clone, Debug)]
pub struct TransformCommand {
    /// The command and its arguments, not empty.
    pub command: Vec<String>,
    /// Where it runs.
    pub dir: Option<PathBuf>,
    /// One run per quiet period.
    pub quiet_period: Duration,
    /// Longest run.
    pub timeout: Duration,
}

/// A job of dbt Platform.
#[derive(Clone, Debug)]
pub struct DbtPlatform {
    /// Account.
    pub account_id: String,
    /// Job.
    pub job_id: String,
    /// Another address than dbt Platform's.
    pub base_url: Option<String>,
    /// API token.
    pub token: SecretString,
    /// Whether the run is followed to its end.
    pub follow: bool,
    /// Whether a failed run is run again.
    pub rerun_on_failure: bool,
    /// One run per quiet period.
    pub quiet_period: Duration,
    /// Longest run.
    pub timeout: Duration,
}

/// The kinds of notifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NotifyKind {
    /// A JSON document by POST.
    #[default]
    Webhook,
    /// Slack's incoming webhook.
    Slack,
}

/// What a notifier tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyEvent {
    /// An hour was quarantined.
    Quarantined,
    /// The keys were refused.
    AuthError,
    /// The lag passed `lag_over`.
    Lag,
    /// What was told is over.
    Recovered,
    /// `verify` found a difference.
    VerifyMismatch,
}

impl NotifyEvent {
    /// Every event.
    pub const ALL: [NotifyEvent; 5] =
        [Self::Quarantined, Self::AuthError, Self::Lag, Self::Recovered, Self::VerifyMismatch];

    /// The written name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::AuthError => "auth_error",
            Self::Lag => "lag",
            Self::Recovered => "recovered",
            Self::VerifyMismatch => "verify_mismatch",
        }
    }
}

/// One enabled notifier, `[notify.<name>]`; the others are checked and left out.
#[derive(Clone, Debug)]
pub struct Notify {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: NotifyKind,
    /// Where to send.
    pub url: SecretString,
    /// What to tell.
    pub on: Vec<NotifyEvent>,
    /// What counts as a lag.
    pub lag_over: Duration,
}
