//! Keys and where they come from: group C.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use campaign_store::contract::{key, vault};
use campaign_store::{
    EnvKeys, Error, FileKeys, KeyError, KeyId, KeyProvider, KeyState, Keyring, MemoryStore, ReencryptPlan,
    SecretProblem, Vault,
};
use futures_util::TryStreamExt;
use futures_util::future::join_all;

use super::{mailbox, password_of, user};

/// Gives what a test tells it to.
#[derive(Debug, Clone)]
struct Told {
    answer: Arc<Mutex<Answer>>,
    loads: Arc<AtomicUsize>,
}

#[derive(Debug, Clone)]
enum Answer {
    Keys(Vec<String>),
    Slowly(Vec<String>),
    Never,
    Failure,
}

impl Told {
    fn new(keys: &[String]) -> Self {
        Self { answer: Arc::new(Mutex::new(Answer::Keys(keys.to_vec()))), loads: Arc::default() }
    }

    fn tell(&self, answer: Answer) {
        *self.answer.lock().expect("no panic") = answer;
    }
}

#[async_trait]
impl KeyProvider for Told {
    async fn load(&self) -> Result<Keyring, KeyError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer.lock().expect("no panic").clone();
        match answer {
            Answer::Keys(keys) => keys.join(",").parse(),
            Answer::Slowly(keys) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                keys.join(",").parse()
            }
            Answer::Never => std::future::pending().await,
            Answer::Failure => Err(KeyError::Unavailable("the vault is sealed".to_owned())),
        }
    }
}

fn id(id: u32) -> KeyId {
    KeyId::new(id).expect("not zero")
}

/// In paused time: one of the answers never comes.
#[tokio::test(start_paused = true)]
async fn a_reload_that_fails_leaves_the_keys_in_use() {
    let provider = Told::new(&[key(1, 1)]);
    let vault = Vault::open(provider.clone()).await.unwrap();
    let store = MemoryStore::new().with_vault(vault.clone()).system();
    let ada = user(&store, "ada").await;
    let before = mailbox(&store, &ada, "before", "hunter 2").await;
    let disabled = format!("{}:disabled", key(2, 2));
    let rows = [
        ("32: no key", Answer::Keys(vec![]), KeyError::Missing),
        ("32: a disabled primary key", Answer::Keys(vec![disabled]), KeyError::PrimaryDisabled(id(2))),
        ("33: an id twice", Answer::Keys(vec![key(2, 2), key(2, 3)]), KeyError::SameId(id(2))),
        ("34: a key twice", Answer::Keys(vec![key(2, 1), key(1, 1)]), KeyError::SameKey(id(2), id(1))),
        ("38: a failure", Answer::Failure, KeyError::Unavailable("the vault is sealed".to_owned())),
        ("38: no answer", Answer::Never, KeyError::Unavailable("no answer within 10 s".to_owned())),
        ("39: other bytes", Answer::Keys(vec![key(2, 2), key(1, 9)]), KeyError::Changed(id(1))),
    ];
    for (row, answer, expected) in rows {
        provider.tell(answer);
        assert_eq!(vault.reload().await, Err(expected), "{row}");
        assert_eq!(vault.keys(), [(id(1), KeyState::Primary)], "{row}");
        assert_eq!(password_of(&store, &before).await.as_deref(), Ok("hunter 2"), "{row}");
        store.mailboxes.touch(before.id).await.unwrap();
    }
    provider.tell(Answer::Keys(vec![key(2, 2), key(1, 1)]));
    let report = vault.reload().await.unwrap();
    assert_eq!((report.previous_primary, report.primary), (id(1), id(2)));
    assert_eq!(report.keys, [(id(1), KeyState::DecryptOnly), (id(2), KeyState::Primary)]);
    assert_eq!(password_of(&store, &before).await.as_deref(), Ok("hunter 2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sealed_while_keys_are_reloaded_opens() {
    const TASKS: usize = 4;
    const SEALS: usize = 500;
    let rings = [[key(1, 1), key(2, 2)], [key(2, 2), key(1, 1)]];
    let provider = Told::new(&rings[0]);
    let vault = Vault::open(provider.clone()).await.unwrap();
    let store = MemoryStore::new().with_vault(vault.clone()).system();
    let ada = user(&store, "ada").await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, ada) = (store.clone(), ada.clone());
            tokio::spawn(async move {
                let mut linked = Vec::with_capacity(SEALS);
                for n in 0..SEALS {
                    let name = format!("box{task}.{n}");
                    linked.push((mailbox(&store, &ada, &name, &name).await, name));
                    if n.is_multiple_of(50) {
                        tokio::task::yield_now().await;
                    }
                }
                linked
            })
        })
        .collect();
    for ring in rings.iter().cycle().take(200) {
        provider.tell(Answer::Keys(ring.to_vec()));
        vault.reload().await.unwrap();
        tokio::task::yield_now().await;
    }
    for task in tasks {
        for (mailbox, password) in task.await.unwrap() {
            assert_eq!(password_of(&store, &mailbox).await, Ok(password), "40");
        }
    }
    let plan = ReencryptPlan::new();
    let reports: Vec<_> = store.mailbox_secrets.reencrypt(plan).await.unwrap().try_collect().await.unwrap();
    let last = reports.last().unwrap();
    assert_eq!((last.scanned, last.unreadable), ((TASKS * SEALS) as u64, 0), "40");
}

#[tokio::test]
async fn a_process_that_missed_a_rotation_reads_what_the_others_write() {
    let provider = Told::new(&[key(1, 1)]);
    let memory = MemoryStore::new();
    let stale = memory.clone().with_vault(Vault::open(provider.clone()).await.unwrap()).system();
    let newer = memory.with_vault(vault(&[key(2, 2), key(1, 1)]).await).system();
    let ada = user(&newer, "ada").await;
    let written = mailbox(&newer, &ada, "new", "hunter 2").await;
    provider.tell(Answer::Slowly(vec![key(2, 2), key(1, 1)]));
    let read = join_all((0..20).map(|_| password_of(&stale, &written))).await;
    assert!(read.iter().all(|read| read.as_deref() == Ok("hunter 2")), "41: all at once: {read:?}");
    assert_eq!(provider.loads.load(Ordering::Relaxed), 2, "41: one reload for all of them");
}

#[tokio::test]
async fn a_key_that_is_gone_is_named_and_asked_for_once() {
    let provider = Told::new(&[key(2, 2)]);
    let memory = MemoryStore::new();
    let older = memory.clone().with_vault(vault(&[key(1, 1)]).await).system();
    let store = memory.with_vault(Vault::open(provider.clone()).await.unwrap()).system();
    let ada = user(&older, "ada").await;
    let written = mailbox(&older, &ada, "old", "hunter 2").await;
    for _ in 0..10 {
        let error = password_of(&store, &written).await.unwrap_err();
        assert_eq!(error, Error::secret(written.id, "password", SecretProblem::UnknownKey(1)), "42");
    }
    assert_eq!(provider.loads.load(Ordering::Relaxed), 2, "9: one reload");
    assert_eq!(store.mailboxes.get(written.id).await, Ok(Some(written)));
}

#[tokio::test]
async fn a_store_that_was_restored_under_another_name_opens() {
    // 30: no name of a store is in a seal. Another ring of the same keys is enough.
    let memory = MemoryStore::new();
    let keys = [key(1, 1)];
    let store = memory.clone().with_vault(vault(&keys).await).system();
    let ada = user(&store, "ada").await;
    let written = mailbox(&store, &ada, "box", "hunter 2").await;
    let restored = memory.with_vault(vault(&keys).await).system();
    assert_eq!(password_of(&restored, &written).await.as_deref(), Ok("hunter 2"));
}

/// A file that is removed when the test is over.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(name: &str, content: &[u8], mode: u32) -> Self {
        let path = std::env::temp_dir().join(format!("campaign-store-{}-{name}", std::process::id()));
        fs::write(&path, content).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its owner");
        }
        Self(path)
    }

    async fn load(&self) -> Result<Keyring, KeyError> {
        FileKeys::new(&self.0).load().await
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn keys_come_from_a_file_that_its_owner_alone_can_read() {
    let good = format!("# the new one\n{}\n\n{}\n{}:disabled\n", key(3, 3), key(2, 2), key(1, 1));
    for mode in [0o600, 0o400, 0o700] {
        let ring = KeyFile::new("good", good.as_bytes(), mode).load().await.unwrap();
        assert_eq!((ring.primary(), ring.states().count()), (id(3), 3));
    }
    for mode in [0o644, 0o640, 0o604, 0o660, 0o601, 0o620] {
        let refused = KeyFile::new("exposed", good.as_bytes(), mode).load().await;
        assert_eq!(refused.err(), Some(KeyError::Exposed), "37: {mode:o}");
    }
    let malformed =
        |place| format!("the entry at place {place} is not of the form ID:BASE64 or ID:BASE64:disabled");
    for (row, content, expected) in [
        ("32: nothing", String::new(), KeyError::Missing.to_string()),
        ("32: comments alone", "# canary\n".to_owned(), KeyError::Missing.to_string()),
        ("36: a space at the end", format!("{}\n{} \n", key(2, 2), key(1, 1)), malformed(2)),
        ("36: a tab in front", format!("\t{}\n", key(1, 1)), malformed(1)),
        ("36: commas", [key(2, 2), key(1, 1)].join(","), malformed(1)),
        ("36: a key alone", "canary".to_owned(), malformed(1)),
    ] {
        let refused = KeyFile::new("malformed", content.as_bytes(), 0o600).load().await.unwrap_err();
        assert_eq!(refused.to_string(), expected, "{row}");
        assert!(!format!("{refused:?}").contains("canary"));
    }
    let refused = KeyFile::new("binary", &[0xff; 40], 0o600).load().await;
    assert_eq!(refused.err(), Some(KeyError::Unreadable(std::io::ErrorKind::InvalidData)));
    let missing = FileKeys::new(std::env::temp_dir().join("campaign-store-missing")).load().await;
    assert_eq!(missing.err(), Some(KeyError::Unreadable(std::io::ErrorKind::NotFound)));
    let lines = good.replace('\n', "\r\n");
    let ring = KeyFile::new("crlf", lines.as_bytes(), 0o600).load().await.unwrap();
    assert_eq!(ring.states().count(), 3, "lines can end as on Windows");
}

/// A pipe that nobody writes into would keep a reader waiting, and with it the runtime.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_small_file_of_ours_is_refused_without_waiting() {
    use std::os::unix::fs::chown;
    let large = "# comment\n".repeat(7_000);
    let refused = KeyFile::new("large", large.as_bytes(), 0o600).load().await;
    assert_eq!(refused.err(), Some(KeyError::TooLarge), "133");
    let refused = FileKeys::new(std::env::temp_dir()).load().await;
    assert_eq!(refused.err(), Some(KeyError::NotAFile), "133: a directory");
    let refused = FileKeys::new("/dev/zero").load().await;
    assert_eq!(refused.err(), Some(KeyError::NotAFile), "133: without end");

    let pipe = KeyFile::new("pipe", b"", 0o600);
    fs::remove_file(&pipe.0).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&pipe.0).status().unwrap().success());
    let refused = tokio::time::timeout(Duration::from_secs(5), pipe.load()).await;
    assert_eq!(refused.expect("an answer").err(), Some(KeyError::NotAFile), "133: a pipe");

    // Only root can give a file away.
    let foreign = KeyFile::new("foreign", key(1, 1).as_bytes(), 0o600);
    if chown(&foreign.0, Some(12_345), None).is_ok() {
        assert_eq!(foreign.load().await.err(), Some(KeyError::Foreign), "133");
    }
}

const VARIABLE: &str = "CAMPAIGN_STORE_TEST_KEYS";

/// The environment of a process cannot be changed without `unsafe`, so this is a test of another
/// process.
#[tokio::test]
async fn keys_come_from_the_environment() {
    let missing = EnvKeys::named("CAMPAIGN_STORE_TEST_MISSING").load().await;
    assert_eq!(missing.err(), Some(KeyError::NotSet("CAMPAIGN_STORE_TEST_MISSING".to_owned())));
    if std::env::var_os(VARIABLE).is_some() {
        let answer = match EnvKeys::named(VARIABLE).load().await {
            Ok(ring) => format!("primary {}", ring.primary()),
            Err(error) => format!("{error} {error:?}"),
        };
        println!("answer: {answer}");
        return;
    }
    for (row, keys, expected) in [
        ("good", [key(2, 2), key(1, 1)].join(","), "answer: primary 2"),
        ("36: a line break at the end", format!("{}\r\n", key(1, 1)), "answer: primary 1"),
        ("36: a line break inside", format!("{}\n,{}", key(2, 2), key(1, 1)), "the entry at place 1"),
        ("36: a space", format!("{}, {}", key(2, 2), key(1, 1)), "the entry at place 2"),
        ("36: no base64", "1:canary!".to_owned(), "the entry at place 1"),
        ("32: nothing", String::new(), "there are no keys"),
    ] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "keyring::keys_come_from_the_environment", "--nocapture"]);
        let output = child.env(VARIABLE, &keys).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{row}: {text}");
        assert!(!text.contains("canary") && (keys.is_empty() || !text.contains(&keys)), "{row}: {text}");
    }
}
