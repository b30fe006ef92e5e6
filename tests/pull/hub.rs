//! A Hugging Face hub of one small repository on this machine: it speaks HTTP as the real one
//! does, with large files on another host, and fails on demand.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{
    support::fixture,
    wire::{Reply, Request, read_request},
};

pub const REPOSITORY: &str = "tiny/smol";
pub const OLD_NAME: &str = "tiny/once-smol";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const TOKEN: &str = "hf_the_good_one";
/// The file in large-file storage.
pub const WEIGHTS: &str = "model.safetensors";

/// Files that no checkpoint needs.
const OTHERS: [&str; 5] =
    [".gitattributes", "README.md", "pytorch_model.bin", "onnx/model.onnx", "photo.png"];

/// Which of its two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Hub,
    Storage,
}

/// What happens to a request instead of the usual.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status and header.
    Status(u16, &'static str, &'static str),
    /// The connection breaks after so many bytes of the body.
    BreakAfter(usize),
    /// Nothing more comes after so many bytes of the body.
    HangAfter(usize),
    /// Another byte in the middle.
    Damage,
    /// Some bytes too few, said to be all.
    TooShort,
    /// No answer at all.
    Silence,
    /// The whole file though a range was asked for.
    NoRanges,
}

/// A request as it came, and how much of the body was sent.
#[derive(Debug, Clone)]
pub struct Seen {
    pub host: Host,
    pub path: String,
    pub from: usize,
    pub authorization: Option<String>,
    pub sent: usize,
}

struct File {
    name: String,
    content: Vec<u8>,
    hash: String,
    listed_size: Option<u64>,
}

#[derive(Default)]
struct State {
    files: Vec<File>,
    gated: bool,
    faults: Vec<(String, usize, Fault)>,
    seen: Vec<Seen>,
}

pub struct Hub {
    state: Arc<Mutex<State>>,
    port: u16,
    storage: u16,
    tls: Option<Arc<ServerConfig>>,
}

impl Hub {
    /// Serves the files of the model that ships with the program, and some more.
    pub fn start() -> Self {
        Self::listening(None)
    }

    /// As [`Hub::start`], over TLS with the certificate of `tests/fixtures/tls`.
    pub fn start_with_tls() -> Self {
        let folder = fixture("tls");
        let chain = CertificateDer::from_pem_file(folder.join("localhost.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("localhost.key")).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![chain], key)
                .unwrap();
        Self::listening(Some(Arc::new(config)))
    }

    fn listening(tls: Option<Arc<ServerConfig>>) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/smolvlm_tiny");
        let read = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let files = read.filter(|path| path.is_file()).map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            file(name, fs::read(path).unwrap())
        });
        let others = OTHERS.iter().map(|name| file((*name).to_owned(), b"of no use".to_vec()));
        let files = files.chain(others).collect();
        let state = Arc::new(Mutex::new(State { files, ..State::default() }));
        let [hub, storage] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let (port, storage_port) = (port(&hub), port(&storage));
        let own = Self { state, port, storage: storage_port, tls };
        own.listen(hub, Host::Hub);
        own.listen(storage, Host::Storage);
        own
    }

    pub fn endpoint(&self) -> String {
        match self.tls {
            None => format!("http://127.0.0.1:{}", self.port),
            Some(_) => format!("https://localhost:{}", self.port),
        }
    }

    /// `fault` meets the next `times` requests whose path contains `path`.
    pub fn fail(&self, path: &str, times: usize, fault: Fault) -> &Self {
        self.state.lock().unwrap().faults.push((path.to_owned(), times, fault));
        self
    }

    /// Files are given only to who has [`TOKEN`].
    pub fn gate(&self) {
        self.state.lock().unwrap().gated = true;
    }

    /// The listing tells another size of the weights.
    pub fn list_weights_as(&self, size: u64) {
        let mut state = self.state.lock().unwrap();
        let weights = state.files.iter_mut().find(|file| file.name == WEIGHTS).unwrap();
        weights.listed_size = Some(size);
    }

    pub fn remove(&self, name: &str) {
        self.state.lock().unwrap().files.retain(|file| file.name != name);
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// What was asked of the storage, which holds the weights.
    pub fn seen_by_storage(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.host == Host::Storage).collect()
    }

    pub fn forget(&self) {
        self.state.lock().unwrap().seen.clear();
    }

    /// Contents and hash of a file.
    pub fn file(&self, name: &str) -> (Vec<u8>, String) {
        let state = self.state.lock().unwrap();
        let file = state.files.iter().find(|file| file.name == name).unwrap();
        (file.content.clone(), file.hash.clone())
    }

    fn listen(&self, listener: TcpListener, host: Host) {
        let (state, storage) = (Arc::clone(&self.state), self.storage);
        let tls = self.tls.clone().filter(|_| host == Host::Hub);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, tls, stream) = (Arc::clone(&state), tls.clone(), stream.unwrap());
                thread::spawn(move || match tls {
                    None => serve(&state, storage, host, stream),
                    Some(tls) => {
                        let session = ServerConnection::new(tls).unwrap();
                        serve(&state, storage, host, StreamOwned::new(session, stream));
                    }
                });
            }
        });
    }
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

fn file(name: String, content: Vec<u8>) -> File {
    let hash = if name == WEIGHTS {
        hex(&Sha256::digest(&content))
    } else {
        let prefix = format!("blob {}\0", content.len());
        hex(&Sha1::new_with_prefix(prefix).chain_update(&content).finalize())
    };
    File { name, content, hash, listed_size: None }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Answers one request and closes the connection.
fn serve(state: &Mutex<State>, storage: u16, host: Host, mut stream: impl Read + Write) {
    let Some(request) = read_request(&mut stream) else { return };
    let index = {
        let seen = Seen {
            host,
            path: request.path.clone(),
            from: request.from.unwrap_or(0),
            authorization: request.authorization.clone(),
            sent: 0,
        };
        let mut state = state.lock().unwrap();
        state.seen.push(seen);
        state.seen.len() - 1
    };
    let fault = take_fault(state, &request.path);
    let mut reply = match host {
        Host::Hub => hub_reply(&state.lock().unwrap(), storage, &request),
        Host::Storage => storage_reply(&state.lock().unwrap(), &request),
    };
    match fault {
        None => {}
        Some(Fault::Silence) => return thread::sleep(Duration::from_mins(1)),
        Some(Fault::Status(status, name, value)) => {
            reply = Reply::of(status).header(name, value);
        }
        Some(Fault::BreakAfter(bytes)) => reply.stop_after = Some((bytes, Duration::ZERO)),
        Some(Fault::HangAfter(bytes)) => {
            reply.stop_after = Some((bytes, Duration::from_mins(1)));
        }
        Some(Fault::Damage) => {
            let middle = reply.body.len() / 2;
            reply.body[middle] ^= 1;
        }
        Some(Fault::TooShort) => reply.body.truncate(reply.body.len() - 10),
        Some(Fault::NoRanges) => {
            let whole = Request { from: None, ..request };
            reply = storage_reply(&state.lock().unwrap(), &whole);
        }
    }
    reply.send(&mut stream, |sent| {
        // Forgotten meanwhile.
        if let Some(seen) = state.lock().unwrap().seen.get_mut(index) {
            seen.sent = sent;
        }
    });
}

fn take_fault(state: &Mutex<State>, path: &str) -> Option<Fault> {
    let mut state = state.lock().unwrap();
    let (_, times, fault) =
        state.faults.iter_mut().find(|(part, times, _)| *times > 0 && path.contains(&**part))?;
    *times -= 1;
    Some(fault.clone())
}

fn hub_reply(state: &State, storage: u16, request: &Request) -> Reply {
    let not_found = |code| Reply::of(404).header("X-Error-Code", code);
    if let Some(rest) = request.path.strip_prefix(&format!("/api/models/{OLD_NAME}/")) {
        return Reply::of(307).header("Location", &format!("/api/models/{REPOSITORY}/{rest}"));
    }
    if let Some(revision) =
        request.path.strip_prefix(&format!("/api/models/{REPOSITORY}/revision/"))
    {
        return match revision {
            "main?blobs=true" | "v1?blobs=true" | "refs%2Fpr%2F1?blobs=true" => listing(state),
            _ => not_found("RevisionNotFound"),
        };
    }
    let served = [REPOSITORY, OLD_NAME]
        .iter()
        .find_map(|name| request.path.strip_prefix(&format!("/{name}/resolve/{COMMIT}/")));
    if let Some(name) = served {
        let granted = request.authorization.as_deref() == Some(&*format!("Bearer {TOKEN}"));
        if state.gated && !granted {
            let status = if request.authorization.is_some() { 403 } else { 401 };
            return Reply::of(status).header("X-Error-Code", "GatedRepo");
        }
        let Some(file) = state.files.iter().find(|file| file.name == name) else {
            return not_found("EntryNotFound");
        };
        let location = if name == WEIGHTS {
            format!("http://127.0.0.1:{storage}/{}?signature=x", file.hash)
        } else {
            format!("/api/resolve-cache/{name}")
        };
        return Reply::of(302).header("Location", &location);
    }
    if let Some(name) = request.path.strip_prefix("/api/resolve-cache/") {
        let file = state.files.iter().find(|file| file.name == name).unwrap();
        return Reply::range(&file.content, request.from);
    }
    Reply::of(401).header("X-Error-Code", "RepoNotFound")
}

fn listing(state: &State) -> Reply {
    let siblings: Vec<_> = state
        .files
        .iter()
        .map(|file| {
            let size = file.listed_size.unwrap_or(file.content.len() as u64);
            let mut sibling = json!({ "rfilename": file.name, "size": size, "blobId": file.hash });
            if file.name == WEIGHTS {
                sibling["blobId"] = json!("f".repeat(40));
                sibling["lfs"] = json!({ "sha256": file.hash, "size": size, "pointerSize": 132 });
            }
            sibling
        })
        .collect();
    let body = json!({ "id": REPOSITORY, "sha": COMMIT, "siblings": siblings });
    Reply { body: body.to_string().into_bytes(), ..Reply::of(200) }
}

fn storage_reply(state: &State, request: &Request) -> Reply {
    let hash = request.path.trim_start_matches('/').split('?').next().unwrap();
    match state.files.iter().find(|file| file.hash == hash) {
        Some(file) => Reply::range(&file.content, request.from),
        None => Reply::of(404),
    }
}
