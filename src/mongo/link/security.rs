use mongodb::options::{ClientOptions, ServerAddress, Tls};
use serde::Serialize;

/// How the connections to the servers are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encryption {
    /// They are not.
    None,
    /// By TLS, but whoever answers is taken for the server, because
    /// [`insecure_tls`](crate::MongoOptions::insecure_tls) was called.
    Unchecked,
    /// By TLS, and the server's certificate is checked.
    Checked,
    /// The client was [given](crate::MongoOptions::from_client) to the store, and does not say.
    Unknown,
}

/// What the options say about the way to the servers.
#[derive(Debug, Clone, Copy)]
pub(in crate::mongo) struct Security {
    pub(in crate::mongo) encryption: Encryption,
    /// Whether a server is known to be on another machine.
    pub(in crate::mongo) is_remote: bool,
}

impl Security {
    /// That of a client of somebody else, who is not warned.
    pub(super) const UNKNOWN: Self = Self { encryption: Encryption::Unknown, is_remote: false };

    pub(super) fn of(options: &ClientOptions) -> Self {
        let encryption = match &options.tls {
            Some(Tls::Enabled(tls)) if tls.allow_invalid_certificates == Some(true) => Encryption::Unchecked,
            Some(Tls::Enabled(_)) => Encryption::Checked,
            _ => Encryption::None,
        };
        Self { encryption, is_remote: options.hosts.iter().any(is_remote) }
    }
}

fn is_remote(host: &ServerAddress) -> bool {
    match host {
        ServerAddress::Tcp { host, .. } => {
            let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
            host != "localhost" && !address.is_ok_and(|address| address.is_loopback())
        }
        // A socket on this machine.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_other_machines_are_remote() {
        for (hosts, is_remote) in [
            ("localhost", false),
            ("127.0.0.1:1,127.0.0.2", false),
            ("[::1]", false),
            ("db.example.com", true),
            ("localhost,10.0.0.1", true),
            ("[2001:db8::1]", true),
        ] {
            let options = ClientOptions::parse(format!("mongodb://{hosts}")).await.unwrap();
            assert_eq!(Security::of(&options).is_remote, is_remote, "{hosts}");
        }
    }

    #[tokio::test]
    async fn an_unchecked_certificate_is_known() {
        for (query, encryption) in [
            ("", Encryption::None),
            ("tls=false", Encryption::None),
            ("tls=true", Encryption::Checked),
            // Version 2 of the driver took this for its opposite: CVE-2025-11695.
            ("tls=true&tlsInsecure=false", Encryption::Checked),
            ("tls=true&tlsAllowInvalidCertificates=false", Encryption::Checked),
            ("tls=true&tlsInsecure=true", Encryption::Unchecked),
            ("tlsInsecure=true", Encryption::Unchecked),
            ("ssl=true&tlsAllowInvalidCertificates=true", Encryption::Unchecked),
        ] {
            let options = ClientOptions::parse(format!("mongodb://localhost/?{query}")).await.unwrap();
            assert_eq!(Security::of(&options).encryption, encryption, "{query}");
        }
    }
}
