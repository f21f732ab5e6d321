//! Servers that are reached by TLS, with a certificate of an authority of their own.

use std::process::Child;
use std::time::{Duration, Instant};

use campaign_store::{Encryption, Error, Invalid, MongoOptions, MongoStore, Problem};
use serde_json::json;

use crate::program::{Ended, Program, exit};
use crate::support::database::TestDatabase;
use crate::support::server::{binary, initiate_at, python};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/tls");

/// A server that takes TLS alone.
struct Encrypted {
    port: String,
    _processes: Vec<Child>,
}

impl Encrypted {
    async fn start() -> Self {
        let mongod = binary::installed().map_or_else(python::mongod, Ok);
        let mongod = mongod.expect("set MONGOD_BIN to the path of a mongod");
        let certificate = format!("--tlsCertificateKeyFile={DIRECTORY}/server.pem");
        let authority = format!("--tlsCAFile={DIRECTORY}/ca.pem");
        let tls = ["--tlsMode=requireTLS", &certificate, &authority];
        let more = [&[binary::MEMBER, "--tlsAllowConnectionsWithoutCertificates"], &tls[..]].concat();
        let (address, processes) = binary::run_once(&mongod, &more).expect("a server");
        let port = address.rsplit_once(':').expect("an address").1.to_owned();
        let server = Self { port, _processes: processes };
        initiate_at(&server.uri("localhost", &trusted()), &address).await.expect("a replica set");
        server
    }

    fn uri(&self, host: &str, options: &str) -> String {
        format!("mongodb://{host}:{}/?directConnection=true&tls=true{options}", self.port)
    }
}

fn trusted() -> String {
    format!("&tlsCAFile={DIRECTORY}/ca.pem")
}

async fn connect(uri: String) -> Result<MongoStore, Error> {
    MongoStore::connect_with(MongoOptions::new(uri, TestDatabase::new().name.clone())).await
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_has_an_error_of_its_own_that_says_what_to_do() {
    let server = Encrypted::start().await;
    for (host, options, hint) in
        [("localhost", String::new(), "tlsCAFile"), ("127.0.0.1", trusted(), "another host name")]
    {
        let start = Instant::now();
        let error = connect(server.uri(host, &options)).await.unwrap_err();
        assert!(matches!(error, Error::Certificate { .. }) && !error.is_retryable(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(hint) && text.contains(&format!("{host}:{}", server.port)), "{text}");
        assert!(!text.contains("nsecure"), "nothing that drives people to switch the check off: {text}");
        assert!(start.elapsed() < Duration::from_secs(9), "long before the time limit of the search");
    }
    let store = connect(server.uri("localhost", &trusted())).await.unwrap();
    assert_eq!(store.server_info().await.unwrap().encryption, Encryption::Checked);
}

#[tokio::test]
async fn the_check_of_certificates_is_switched_off_by_code_alone() {
    let server = Encrypted::start().await;
    for options in ["&tlsInsecure=true", "&tlsAllowInvalidCertificates=true"] {
        let uri = server.uri("localhost", options);
        let refused = connect(uri.clone()).await.unwrap_err();
        assert_eq!(refused, Error::Invalid(Invalid::new("uri", Problem::InsecureTls)), "{options}");
        let options = MongoOptions::new(uri, TestDatabase::new().name.clone()).insecure_tls();
        let store = MongoStore::connect_with(options).await.unwrap();
        assert_eq!(store.server_info().await.unwrap().encryption, Encryption::Unchecked);
    }
    for options in ["&tlsInsecure=false", "&tlsAllowInvalidCertificates=false"] {
        let refused = connect(server.uri("localhost", options)).await.unwrap_err();
        assert!(matches!(refused, Error::Certificate { .. }), "{options}: {refused:?}");
    }
}

#[tokio::test]
async fn the_authorities_of_the_system_are_known_beside_the_built_in_ones() {
    let server = Encrypted::start().await;
    let program = Program::new().at(server.uri("localhost", ""));
    let provision = |authorities: &str, exit| {
        let mut command = program.command(&["provision"]);
        command.env("SSL_CERT_FILE", format!("{DIRECTORY}/{authorities}"));
        Ended::of(command.output().unwrap(), exit)
    };
    provision("README.md", exit::FAILED);
    provision("ca.pem", exit::DONE);
}

#[tokio::test]
async fn the_doctor_says_how_the_connection_is_protected() {
    let server = Encrypted::start().await;
    let program = Program::new().at(server.uri("localhost", &trusted()));
    program.text(&["provision"], exit::DONE);
    let report = program.json(&["doctor"], exit::DONE);
    assert_eq!(
        (&report["server"]["encryption"], &report["server"]["is_logged_in"]),
        (&json!("checked"), &json!(false))
    );
    assert!(program.text(&["doctor"], exit::DONE).stdout.contains("connection  TLS, no login"));
}
