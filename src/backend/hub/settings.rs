//! What the environment says about the hub: the variables of Python's `huggingface_hub`,
//! with their meaning there.
//! Source: <https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables>.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{super::hub_cache::HubCache, HubError};

const PUBLIC_HUB: &str = "https://huggingface.co";
/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Which hub, as whom, and where to.
#[derive(Clone)]
pub struct HubSettings {
    /// Scheme and host, without a slash at the end (`HF_ENDPOINT`).
    pub endpoint: String,
    /// Sent to the endpoint and to no other host (`HF_TOKEN`, or the file that
    /// `hf auth login` writes).
    pub token: Option<String>,
    /// Whether the network is forbidden (`HF_HUB_OFFLINE`).
    pub offline: bool,
    /// The cache to download to.
    pub cache: PathBuf,
    /// How long a server may be silent (`HF_HUB_DOWNLOAD_TIMEOUT`).
    pub silence: Duration,
}

impl HubSettings {
    /// The settings of the environment; `offline` forbids the network as well.
    ///
    /// # Errors
    /// [`HubError::NoCache`], or [`HubError::Setting`] naming the variable.
    pub fn from_env(offline: bool) -> Result<Self, HubError> {
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| PUBLIC_HUB.to_owned());
        let seconds = text("HF_HUB_DOWNLOAD_TIMEOUT").map(|it| it.parse::<u64>().map_err(|_| it));
        let silence = match seconds {
            None | Some(Ok(0)) => SILENCE,
            Some(Ok(seconds)) => Duration::from_secs(seconds),
            Some(Err(text)) => {
                let message = format!("is '{text}': give whole seconds");
                return Err(HubError::Setting { variable: "HF_HUB_DOWNLOAD_TIMEOUT", message });
            }
        };
        Ok(Self {
            endpoint: checked_endpoint(&endpoint)?,
            token: token()?,
            offline: offline || is_offline(),
            cache: HubCache::from_env().root().ok_or(HubError::NoCache)?.to_owned(),
            silence,
        })
    }
}

/// Whether the environment forbids the network (`HF_HUB_OFFLINE`).
pub fn is_offline() -> bool {
    let yes = |value: String| ["1", "ON", "YES", "TRUE"].contains(&value.to_uppercase().as_str());
    text("HF_HUB_OFFLINE").or_else(|| text("TRANSFORMERS_OFFLINE")).is_some_and(yes)
}

fn text(variable: &str) -> Option<String> {
    env::var(variable).ok().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
}

fn checked_endpoint(endpoint: &str) -> Result<String, HubError> {
    let endpoint = endpoint.trim_end_matches('/');
    let parsed = endpoint.parse::<ureq::http::Uri>().ok();
    let is_web = parsed.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if is_web {
        return Ok(endpoint.to_owned());
    }
    let message = format!("is '{endpoint}': give a URL such as {PUBLIC_HUB}");
    Err(HubError::Setting { variable: "HF_ENDPOINT", message })
}

fn token() -> Result<Option<String>, HubError> {
    let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN")).or_else(|| {
        let file = text("HF_TOKEN_PATH").map(PathBuf::from).or_else(token_file)?;
        let token = fs::read_to_string(file).ok()?.trim().to_owned();
        Some(token).filter(|token| !token.is_empty())
    });
    match token {
        // It travels in a header, where nothing else is allowed.
        Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            let message = "(or the file that `hf auth login` wrote) holds characters that no token has: set it anew";
            Err(HubError::Setting { variable: "HF_TOKEN", message: message.to_owned() })
        }
        token => Ok(token),
    }
}

fn token_file() -> Option<PathBuf> {
    let folder = text("HF_HOME").map(PathBuf::from).or_else(|| {
        let cache = text("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| text("HOME").map(|home| Path::new(&home).join(".cache")));
        Some(cache?.join("huggingface"))
    });
    Some(folder?.join("token"))
}

/// The proxy for `url`, as curl chooses it: the variable of its scheme, then `ALL_PROXY`;
/// none for the hosts that `NO_PROXY` names.
///
/// # Errors
/// [`HubError::Setting`] naming the variable that holds no proxy's address.
pub fn proxy_for(url: &ureq::http::Uri) -> Result<Option<ureq::Proxy>, HubError> {
    let either = |upper: &'static str| {
        let value = text(&upper.to_lowercase()).or_else(|| text(upper))?;
        Some((upper, value))
    };
    let own = if url.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some((variable, address)) = either(own).or_else(|| either("ALL_PROXY")) else {
        return Ok(None);
    };
    let host = url.host().unwrap_or_default();
    if either("NO_PROXY").is_some_and(|(_, list)| is_listed(host, url.port_u16(), &list)) {
        return Ok(None);
    }
    ureq::Proxy::new(&address).map(Some).map_err(|_| {
        let message = format!("is '{address}': give a URL such as http://proxy.example:3128");
        HubError::Setting { variable, message }
    })
}

/// Whether `NO_PROXY`'s `list` names `host`: itself, a domain it belongs to, or `*`.
fn is_listed(host: &str, port: Option<u16>, list: &str) -> bool {
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let (name, entry_port) = match entry.rsplit_once(':') {
            Some((name, digits)) if digits.parse::<u16>().is_ok() => (name, digits.parse().ok()),
            _ => (entry, None),
        };
        let name = name.trim_start_matches('*').trim_start_matches('.').to_lowercase();
        let host = host.to_lowercase();
        let within =
            host.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        (name.is_empty() && entry.starts_with('*') || !name.is_empty() && within)
            && (entry_port.is_none() || entry_port == port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_domains_ports_or_all() {
        let listed = |list| is_listed("cdn.hub.example", Some(8080), list);
        for list in ["*", "hub.example", ".hub.example", "*.hub.example", "a.b, CDN.hub.example"] {
            assert!(listed(list), "{list}");
        }
        assert!(listed("hub.example:8080") && !listed("hub.example:9"));
        for list in ["", " , ", "b.example", "ub.example", "www.cdn.hub.example"] {
            assert!(!listed(list), "{list}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_without_a_slash_at_the_end() {
        assert_eq!(checked_endpoint("http://localhost:80/").unwrap(), "http://localhost:80");
        let error = checked_endpoint("huggingface.co").unwrap_err().to_string();
        assert!(error.starts_with("HF_ENDPOINT is 'huggingface.co': give"), "{error}");
    }
}
