//! `valkey://user:password@host:port/db`, also as `redis://`.

use super::settings::{Address, Settings};
use super::stop::{Stop, fail};

/// Puts what the URI says into the settings; what it does not say stays.
pub(super) fn apply(uri: &str, settings: &mut Settings) -> Result<(), Stop> {
    let (scheme, rest) = uri.split_once("://").ok_or_else(|| fail("Invalid URI scheme"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "valkey" | "redis" => {}
        "valkeys" | "rediss" => return Err(fail(format!("{scheme}:// needs TLS, which this larder-cli does not have"))),
        _ => return Err(fail("Invalid URI scheme")),
    }
    let rest = match rest.split_once('@') {
        Some((userinfo, rest)) => {
            let password = match userinfo.split_once(':') {
                Some((user, password)) => {
                    // `redis://:password@host`, as applications write it, means the default user.
                    settings.user = if user.is_empty() { None } else { Some(decoded(user)?) };
                    password
                }
                None => userinfo,
            };
            settings.password = Some(decoded(password)?);
            rest
        }
        None => rest,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !authority.is_empty() {
        let (host, port) = match authority.strip_prefix('[').and_then(|text| text.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = match (port, &settings.address) {
            (Some(port), _) => port.parse().map_err(|_| fail("Invalid server port."))?,
            (None, Address::Tcp(_, port)) => *port,
            (None, Address::Unix(_)) => 6379,
        };
        settings.address = Address::Tcp(host.to_owned(), port);
    }
    if !path.is_empty() {
        settings.db = path.parse().map_err(|_| fail("Invalid database number in the URI."))?;
    }
    Ok(())
}

/// Text with `%XX` for bytes.
fn decoded(text: &str) -> Result<Vec<u8>, Stop> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            out.push(*first);
            rest = after;
            continue;
        }
        let [high, low, after @ ..] = after else { return Err(fail("Incomplete URI encoding")) };
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(|| fail("Illegal character in URI encoding"));
        out.push((digit(*high)? * 16 + digit(*low)?) as u8);
        rest = after;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::options;

    fn check(uri: &str, expected: Option<(&str, u16, u32, Option<&str>, Option<&str>)>) {
        let mut settings = options::parse(["larder-cli".into()].into_iter()).expect("no options are fine");
        settings.password = None;
        let result = apply(uri, &mut settings).ok().map(|()| {
            let Address::Tcp(host, port) = &settings.address else { panic!("{uri} is no socket") };
            let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|b| String::from_utf8_lossy(b).into_owned());
            (host.clone(), *port, settings.db, text(&settings.user), text(&settings.password))
        });
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let expected = expected.map(|(host, port, db, user, password)| (host.to_owned(), port, db, owned(user), owned(password)));
        assert_eq!(result, expected, "{uri}");
    }

    #[test]
    fn parts_of_a_uri() {
        check("redis://h", Some(("h", 6379, 0, None, None)));
        check("valkey://h:1/2", Some(("h", 1, 2, None, None)));
        check("REDIS://p@h:1", Some(("h", 1, 0, None, Some("p"))));
        check("redis://u:p%20w@h/", Some(("h", 6379, 0, Some("u"), Some("p w"))));
        check("redis://[::1]:7/1", Some(("::1", 7, 1, None, None)));
        check("redis://", Some(("127.0.0.1", 6379, 0, None, None)));
        check("redis:///4", Some(("127.0.0.1", 6379, 4, None, None)));
        check("http://h", None);
        check("h:1", None);
        check("redis://h:x", None);
        check("redis://%4@h", None);
        check("redis://%zz@h", None);
    }
}
