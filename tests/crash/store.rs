//! An S3 server in a process of its own: this test binary starts itself. It serves s3s-fs, so the bucket can be read as
//! files, and logs each data object and manifest that it was given.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;

use super::support::World;

const ROOT: &str = "AMPD_CRASH_STORE";
const KEY_ID: &str = "AKIDFORTESTSONLY0001";
const SECRET: &str = "secretForTestsOnly0123456789abcdefgh";

/// The server, killed when it is dropped.
pub struct Store {
    child: Child,
    root: TempDir,
    endpoint: String,
}

/// One PUT that the server was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Of a manifest: logged when it is stored. Of a data object: when it arrives.
    pub manifest: bool,
    /// The key in the bucket.
    pub key: String,
}

impl Store {
    /// Starts it and waits until it listens.
    pub fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["store::child_that_serves_s3", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(ROOT, root.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        let endpoint = loop {
            match fs::read_to_string(root.path().join("endpoint")) {
                Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
                _ => thread::sleep(Duration::from_millis(5)),
            }
            assert!(Instant::now() < until, "the S3 server does not start");
        };
        Self { child, root, endpoint }
    }

    /// The world's lake becomes a new bucket of this server; the test still finds it as the directory `lake`.
    pub fn give(&self, world: &mut World) -> String {
        let number = world.sim.addr.port();
        let bucket = format!("lake-{number}-{}", fs::read_dir(self.buckets()).unwrap().count());
        fs::create_dir(self.buckets().join(&bucket)).unwrap();
        std::os::unix::fs::symlink(self.buckets().join(&bucket), world.path("lake")).unwrap();
        world.settings.remove("lake.path");
        world.set("lake.type", "\"s3\"").set("lake.bucket", &format!("{bucket:?}"));
        world.set("lake.region", "\"us-east-1\"").set("lake.path_style", "true");
        world.set("lake.endpoint", &format!("{:?}", self.endpoint));
        bucket
    }

    /// The bucket goes, with all that is in it.
    pub fn take_away(&self, bucket: &str) {
        fs::remove_dir_all(self.buckets().join(bucket)).unwrap();
    }

    fn buckets(&self) -> PathBuf {
        self.root.path().join("buckets")
    }

    /// What a bucket was given so far, in order.
    pub fn puts(&self, bucket: &str) -> Vec<Put> {
        let Ok(text) = fs::read_to_string(log_of(self.root.path(), bucket)) else { return Vec::new() };
        // The last line may be on its way.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| Put { manifest: line.starts_with('m'), key: line[2..].to_owned() }).collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What every ampd that works on the server needs in its environment.
pub fn environment() -> [(&'static str, &'static str); 3] {
    [("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_EC2_METADATA_DISABLED", "true")]
}

fn log_of(root: &Path, bucket: &str) -> PathBuf {
    root.join(format!("{bucket}.log"))
}

/// A line for a PUT of a data object or a manifest: one write each.
fn note(root: &Path, open: &Mutex<Option<(String, File)>>, kind: char, path: &str) {
    let Some((bucket, key)) = path.trim_start_matches('/').split_once('/') else { return };
    let mut open = open.lock().unwrap();
    if open.as_ref().is_none_or(|(name, _)| name != bucket) {
        let file = OpenOptions::new().create(true).append(true).open(log_of(root, bucket)).unwrap();
        *open = Some((bucket.to_owned(), file));
    }
    if let Some((_, file)) = open.as_mut() {
        file.write_all(format!("{kind} {key}\n").as_bytes()).unwrap();
    }
}

/// The server process; without the variable it is an empty test. It ends with its parent, however that ends.
#[test]
fn child_that_serves_s3() {
    let Some(root) = std::env::var_os(ROOT).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (gone, parent) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = gone.send(());
    });
    runtime.block_on(async {
        tokio::select! {
            () = serve(root) => {}
            _ = parent => {}
        }
    });
}

async fn serve(root: PathBuf) {
    let buckets = root.join("buckets");
    fs::create_dir(&buckets).unwrap();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&buckets).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
    let service = service.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    fs::write(root.join("endpoint"), format!("http://{}\n", listener.local_addr().unwrap())).unwrap();
    let log = Arc::new(Mutex::new(None));
    while let Ok((socket, _)) = listener.accept().await {
        let (service, root, log) = (service.clone(), root.clone(), Arc::clone(&log));
        let handler = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (service, root, log) = (service.clone(), root.clone(), Arc::clone(&log));
            async move {
                // `=` is the one character of our keys that is escaped.
                let path = request.uri().path().replace("%3D", "=");
                let put = request.method() == hyper::Method::PUT;
                if put && path.contains("/data/") {
                    note(&root, &log, 'd', &path);
                }
                let answer = hyper::service::Service::call(&service, request).await;
                if put && path.contains("/manifests/") && answer.as_ref().is_ok_and(|a| a.status().is_success()) {
                    note(&root, &log, 'm', &path);
                }
                answer
            }
        });
        tokio::spawn(async move {
            let http = Builder::new(TokioExecutor::new());
            let _ = http.serve_connection(TokioIo::new(socket), handler).await;
        });
    }
}
