//! The server itself.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use super::HarnessError;
use super::install::{Installation, User};
use super::process::{Running, Stop, free_port};

/// Tests look for it in errors and logs, where it must not be.
const PASSWORD: &str = "a-secret-of-the-tests";
/// How often another port is tried.
const PORTS_MAX: usize = 5;

/// A server in a temporary directory, on a port of its own, which ends with the value or with the process.
#[derive(Debug)]
pub struct TempPostgres {
    installation: Installation,
    port: u16,
    running: Mutex<Option<Running>>,
    databases: AtomicU32,
    /// Last, so that it is removed behind the server's end.
    directory: TempDir,
}

impl TempPostgres {
    /// Makes a server and starts it.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start_new() -> Result<Self, HarnessError> {
        let installation = Installation::find()?;
        let directory = tempfile::Builder::new().prefix("earlybird-postgres-").tempdir();
        let directory = directory.map_err(HarnessError::of("make a temporary directory"))?;
        give_to(installation.user(), &directory)?;
        initialize(&installation, &directory)?;
        let mut server = Self {
            installation,
            port: 0,
            running: Mutex::new(None),
            databases: AtomicU32::new(0),
            directory,
        };
        let mut last = HarnessError::new("no port was tried");
        for _ in 0..PORTS_MAX {
            server.port = free_port()?;
            match server.start() {
                Ok(()) => return Ok(server),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The server that all tests of this process share.
    ///
    /// # Errors
    /// As [`TempPostgres::start_new`], for every caller alike.
    pub fn shared() -> Result<&'static Self, HarnessError> {
        static SHARED: OnceLock<Result<TempPostgres, HarnessError>> = OnceLock::new();
        SHARED.get_or_init(Self::start_new).as_ref().map_err(Clone::clone)
    }

    /// The address of the server's first database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The server's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the server keeps its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Creates an empty database and returns its address.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn new_database(&self) -> Result<String, HarnessError> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let tried = "create a database";
        let mut connection = PgConnection::connect(&self.url()).await.map_err(HarnessError::of(tried))?;
        let create = connection.execute(&*format!("CREATE DATABASE {name}")).await;
        create.map_err(HarnessError::of(tried))?;
        connection.close().await.map_err(HarnessError::of(tried))?;
        Ok(self.url_of(&name))
    }

    /// Ends all connections to the database of that address, in the middle of whatever they do. Returns how many there were.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn cut_connections(&self, url: &str) -> Result<i64, HarnessError> {
        let tried = "cut connections";
        let mut connection = PgConnection::connect(url).await.map_err(HarnessError::of(tried))?;
        let statement = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let cut = sqlx::query_scalar(statement).fetch_one(&mut connection).await;
        let cut = cut.map_err(HarnessError::of(tried))?;
        connection.close().await.map_err(HarnessError::of(tried))?;
        Ok(cut)
    }

    /// Starts the stopped server again, with its data, on its port. Does nothing while it runs.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self) -> Result<(), HarnessError> {
        let mut running = self.running.lock();
        if running.is_none() {
            *running = Some(Running::start(self.directory.path(), &self.command())?);
        }
        Ok(())
    }

    /// Stops the server in order: connections are cut, data is written out.
    pub fn stop(&self) {
        self.stop_by(Stop::Fast);
    }

    /// Stops the server as a crash would: the next start recovers.
    pub fn crash(&self) {
        self.stop_by(Stop::Immediate);
    }

    /// Suspends all the server's processes: connections stay open, nothing answers.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn freeze(&self) -> Result<(), HarnessError> {
        self.signal("STOP")
    }

    /// Lets the suspended server go on.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn thaw(&self) -> Result<(), HarnessError> {
        self.signal("CONT")
    }

    fn stop_by(&self, stop: Stop) {
        if let Some(mut running) = self.running.lock().take() {
            running.stop(stop);
        }
    }

    fn signal(&self, name: &str) -> Result<(), HarnessError> {
        match &*self.running.lock() {
            Some(running) => running.signal(name),
            None => Err(HarnessError::new("the server is stopped")),
        }
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://earlybird:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    fn command(&self) -> Vec<String> {
        let directory = self.directory.path().display();
        let mut words = self.installation.words("postgres");
        words.extend(["-D".to_owned(), format!("{directory}/data"), "-p".to_owned(), self.port.to_string()]);
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={directory}"),
            "fsync=on".to_owned(),
            "max_connections=200".to_owned(),
            "shared_buffers=128MB".to_owned(),
            "max_wal_size=2GB".to_owned(),
            "logging_collector=off".to_owned(),
        ];
        words.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
        words
    }
}

fn give_to(user: Option<&User>, directory: &TempDir) -> Result<(), HarnessError> {
    let Some(User { uid, gid, .. }) = user else { return Ok(()) };
    chown(directory.path(), Some(*uid), Some(*gid))
        .map_err(HarnessError::of("hand over the temporary directory"))
}

fn initialize(installation: &Installation, directory: &TempDir) -> Result<(), HarnessError> {
    let password_file = directory.path().join("password");
    fs::write(&password_file, PASSWORD).map_err(HarnessError::of("write the password file"))?;
    let words = installation.words("initdb");
    let output = Command::new(&words[0])
        .args(&words[1..])
        .arg("-D")
        .arg(directory.path().join("data"))
        .arg("--pwfile")
        .arg(&password_file)
        // Nothing of value is lost if the machine stops now; the server itself syncs.
        .args(["-U", "earlybird", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .map_err(HarnessError::of("run initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(HarnessError::new(format!("initdb: {}", String::from_utf8_lossy(&output.stderr))))
}
