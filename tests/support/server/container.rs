//! A server in a container.

use std::{
    env, mem,
    net::{Ipv4Addr, TcpStream},
    process::Command,
};

use testcontainers::{
    ContainerAsync, GenericImage, ImageExt,
    core::{IntoContainerPort, WaitFor},
    runners::AsyncRunner,
};

use super::{Attempt, LISTENING, START_LIMIT, Server, after_exit, initiate, run, unique_suffix};

const DEFAULT_IMAGE: &str = "mongo:8.0";
const PORT: u16 = 27017;
const MONGOD: &str = "mongod --replSet rs0 --bind_ip_all --wiredTigerCacheSizeGB 1 \
    --journalCommitInterval 1 --setParameter enableTestCommands=1 \
    --setParameter transactionLifetimeLimitSeconds=10";

pub(super) async fn start() -> Attempt<Server> {
    // The docker command removes the container in the end; without it none may be started.
    run(Command::new("docker").arg("version"))?;
    let image = env::var("MONGODB_TEST_IMAGE").unwrap_or_else(|_| DEFAULT_IMAGE.into());
    start_image(&image).await.map_err(|error| format!("{image}: {error}").into())
}

async fn start_image(image: &str) -> Attempt<Server> {
    let name = format!("campaign-store-test-{}", unique_suffix());
    // Twice, for a container that the engine was still making the first time.
    let cleaner = after_exit(r#"docker rm -f -v "$1"; sleep 2; docker rm -f -v "$1""#, &name)?;
    let container = start_container(image, &name).await?;
    // Fails where the command speaks to another engine than the library does.
    run(Command::new("docker").args(["inspect", &name]))?;
    let address = address(&container).await?;
    let uri = initiate(&address, &format!("127.0.0.1:{PORT}")).await?;
    // From here on it is the cleaner's: the handle's own removal needs the runtime of now.
    mem::forget(container);
    Ok(Server { uri, _processes: vec![cleaner] })
}

async fn start_container(image: &str, name: &str) -> Attempt<ContainerAsync<GenericImage>> {
    let (repository, tag) = split(image);
    let container = GenericImage::new(repository, tag)
        .with_exposed_port(PORT.tcp())
        .with_wait_for(WaitFor::message_on_stdout(LISTENING))
        .with_container_name(name)
        .with_startup_timeout(START_LIMIT)
        .with_cmd(MONGOD.split(' '))
        .start()
        .await?;
    Ok(container)
}

/// Splits `name[:tag]`; a colon before a slash belongs to a registry's port.
fn split(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// Where the container's server is reached from here.
async fn address(container: &ContainerAsync<GenericImage>) -> Attempt<String> {
    let port = container.get_host_port_ipv4(PORT).await?;
    // Inside a container the library takes the engine to be outside of it, which it need not be.
    if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
        return Ok(format!("127.0.0.1:{port}"));
    }
    Ok(format!("{}:{port}", container.get_host().await?))
}
