//! Installations of ampd that share a lake: a directory, or a bucket of an S3 server in this process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::support::{Ended, World, ended};

const KEY_ID: &str = "AKIDFORTESTSONLY0001";
const SECRET: &str = "secret/for+tests/only/0123456789abcdefgh";

/// An S3 server whose bucket is the world's directory `lake`. Its conditional writes look first and then write: good
/// enough for rivals that do not write within the same millisecond.
pub struct S3 {
    _runtime: Runtime,
    down: Arc<AtomicBool>,
}

impl S3 {
    /// Serves, with a clock that is wrong by so many seconds, and makes it the world's lake.
    pub fn serve(world: &mut World, skew: i64) -> Self {
        fs::create_dir(world.path("lake")).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(world.dir.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        // Clients find out how wrong its clock is and sign by it; it compares that with the right one.
        let mut config = S3Config::default();
        config.presigned_url_max_skew_time_secs = u32::MAX;
        service.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let down = Arc::new(AtomicBool::new(false));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("\"http://{}\"", listener.local_addr().unwrap());
        let is_down = Arc::clone(&down);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, is_down) = (service.clone(), Arc::clone(&is_down));
                let dated = hyper::service::service_fn(move |request| {
                    let (service, down) = (service.clone(), is_down.load(Ordering::Relaxed));
                    async move {
                        if down {
                            return Err(std::io::Error::other("down"));
                        }
                        let answer = hyper::service::Service::call(&service, request).await;
                        let mut answer = answer.map_err(|_| std::io::Error::other("no answer"))?;
                        let date = std::time::SystemTime::now().checked_add(Duration::from_hours(24)).unwrap();
                        let date = date - Duration::from_secs(u64::try_from(24 * 3600 - skew).unwrap());
                        answer.headers_mut().insert("date", httpdate::fmt_http_date(date).parse().unwrap());
                        Ok(answer)
                    }
                });
                let http = Builder::new(TokioExecutor::new());
                tokio::spawn(async move { http.serve_connection(TokioIo::new(socket), dated).await });
            }
        });
        world.settings.remove("lake.path");
        for (key, value) in [
            ("lake.type", "\"s3\""),
            ("lake.bucket", "\"lake\""),
            ("lake.region", "\"eu-west-1\""),
            ("lake.path_style", "true"),
            ("lake.endpoint", &endpoint),
        ] {
            world.set(key, value);
        }
        Self { _runtime: runtime, down }
    }

    /// Answers nothing, or again.
    pub fn down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }
}

/// An installation with its own state, staging, logs and socket; a daemon in it is killed when it is dropped.
pub struct Installation {
    dir: PathBuf,
    daemon: Option<Child>,
}

impl Installation {
    /// A new one over the world's lake.
    pub fn new(world: &World, name: &str) -> Self {
        let dir = world.path(name);
        fs::create_dir(&dir).unwrap();
        let here = format!("\"{}\"", world.path("lake").display());
        let text = world.config_text().replace("path = \"lake\"", &format!("path = {here}"));
        fs::write(dir.join("ampd.toml"), text).unwrap();
        Self { dir, daemon: None }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampd"));
        command.args(arguments).current_dir(&self.dir).env_clear().env("HOME", &self.dir).stdin(Stdio::null());
        command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a command.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Runs a command and expects this exit code.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = ended(self.start(arguments));
        assert_eq!(ended.code, code, "ampd {arguments:?}\n{ended}\n{}", self.log());
        ended
    }

    /// Starts the daemon; it is ready, whether it leads or not.
    pub fn run(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let child = self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.daemon = Some(child);
        self.wait_for("it is ready", |this| ended(this.start(&["health", "--ready"])).code == 0);
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.daemon.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// `SIGKILL`, and it is gone.
    pub fn kill(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    /// `SIGTERM`, and it ends well.
    pub fn stop(&mut self) {
        self.signal("-TERM");
        assert_eq!(self.daemon.take().unwrap().wait().unwrap().code(), Some(0), "{}", self.log());
    }

    /// What the daemon said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("stderr.log")
    }

    /// Where it keeps everything.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The only source's report.
    pub fn source(&self) -> Value {
        self.expect(0, &["status", "--json"]).last_object()["sources"][0].clone()
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.source()["lease"]["leads"] == true
    }

    /// Whether it says that somebody else leads.
    pub fn follows(&self) -> bool {
        let lease = self.source()["lease"].clone();
        lease["leads"] == false && lease["holder"].is_object()
    }

    /// Whether all that is due is published, as far as it knows.
    pub fn is_complete(&self) -> bool {
        let source = self.source();
        source["lag_seconds"] == 0 && source["watermark"].is_string()
    }

    /// A minute is more than anything needs.
    pub fn wait_for(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + Duration::from_mins(1);
        while !is_so(self) {
            assert!(Instant::now() < until, "in vain: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
