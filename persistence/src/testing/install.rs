//! Finds PostgreSQL's programs, and a user that they agree to run as.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::HarnessError;

/// Who owns a server's files when the tests run as root: PostgreSQL refuses to run as root.
const UNPRIVILEGED_USERS: [&str; 2] = ["postgres", "nobody"];

/// An installed PostgreSQL.
#[derive(Clone, Debug)]
pub struct Installation {
    directory: PathBuf,
    user: Option<User>,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) name: &'static str,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Installation {
    /// Looks in `PATH`, in the directories of the usual packages (the newest first), and asks `pg_config`.
    ///
    /// # Errors
    /// When there is none, with a hint at how to get one.
    pub fn find() -> Result<Self, HarnessError> {
        let on_path = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        let candidates: Vec<PathBuf> = [on_path, packaged(), configured()].concat();
        let is_complete =
            |directory: &&PathBuf| ["initdb", "postgres"].iter().all(|it| directory.join(it).is_file());
        let Some(directory) = candidates.iter().find(is_complete) else {
            return Err(HarnessError::new(
                "no PostgreSQL found (initdb and postgres in PATH, /usr/lib/postgresql/*/bin or pg_config --bindir); \
                 run `make setup`, or set EARLYBIRD_SKIP_POSTGRES=1 to leave these tests out",
            ));
        };
        let user = if id(&["-u"]) == Some(0) { Some(unprivileged_user()?) } else { None };
        Ok(Self { directory: directory.clone(), user })
    }

    /// The one to hand files to, when this process is root.
    pub(super) fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// A program of PostgreSQL with the words before it that change the user.
    pub(super) fn words(&self, program: &str) -> Vec<String> {
        let program = self.directory.join(program).display().to_string();
        let Some(User { name, .. }) = &self.user else { return vec![program] };
        let words =
            |before: &[&str]| before.iter().map(ToString::to_string).chain([program.clone()]).collect();
        if runs("setpriv") {
            return words(&[
                "setpriv",
                &format!("--reuid={name}"),
                &format!("--regid={name}"),
                "--clear-groups",
            ]);
        }
        words(&["runuser", "-u", name, "--"])
    }
}

fn packaged() -> Vec<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    versions.into_iter().map(|(_, path)| path).collect()
}

fn configured() -> Vec<PathBuf> {
    let said = Command::new("pg_config").arg("--bindir").output().ok();
    said.and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|path| PathBuf::from(path.trim()))
        .into_iter()
        .collect()
}

fn unprivileged_user() -> Result<User, HarnessError> {
    let find = |name: &'static str| Some(User { name, uid: id(&["-u", name])?, gid: id(&["-g", name])? });
    let user = UNPRIVILEGED_USERS.into_iter().find_map(find);
    user.ok_or_else(|| {
        HarnessError::new("PostgreSQL does not run as root, and there is no user postgres or nobody")
    })
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
