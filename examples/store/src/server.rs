//! Commands about the connection and the server.

use bytes::Bytes;
use zresp::{Protocol, Reply};

use crate::commands::{Call, Client};
use crate::failure::{Answer, Failure, SYNTAX};
use crate::glob;
use crate::number::integer;

/// The settings that `CONFIG GET` returns, with their values.
const SETTINGS: [(&str, &str); 3] =
    [("appendonly", "no"), ("proto-max-bulk-len", "536870912"), ("save", "")];

/// The version of Redis whose replies are imitated.
const VERSION: &str = "7.0.15";

/// Runs a command about the connection or the server.
pub(crate) fn run(call: Call<'_>) -> Answer {
    let Call { name, args, keys, client, clients } = call;
    Ok(match (name, args) {
        ("ping", []) => Reply::simple("PONG"),
        ("ping" | "echo", [text]) => Reply::from(*text),
        ("ping", _) => return Err(Failure::arity(name)),
        ("quit", _) => {
            client.is_leaving = true;
            Reply::simple("OK")
        }
        ("select", [index]) if integer(index)? == 0 => Reply::simple("OK"),
        ("select", _) => return Err(Failure::of("ERR DB index is out of range")),
        ("hello", options) => return hello(client, options),
        ("auth", [_]) => {
            return Err(Failure::of(
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?",
            ));
        }
        ("auth", [user, _]) => check_user(user)?,
        ("auth", _) => return Err(SYNTAX),
        ("reset", []) => {
            *client = Client { id: client.id, out: client.out.split(), ..Client::default() };
            Reply::simple("RESET")
        }
        ("client|id", []) => client.id.into(),
        ("client|getname", []) => Some(client.name.clone()).filter(|name| !name.is_empty()).into(),
        ("client|setname", [name]) => set_name(client, name)?,
        ("client|info", []) => text(clients.get(&client.id).cloned().unwrap_or_default()),
        ("client|list", []) => text(clients.values().map(String::as_str).collect()),
        // No command is described; every client accepts that.
        ("command", []) => Reply::array([(); 0]),
        ("command|count", []) => 0.into(),
        ("command|info", names) => names.iter().map(|_| Reply::Null).collect(),
        ("command|docs", _) => Reply::map([((), ()); 0]),
        ("config|get", patterns) => {
            let is_asked = |(name, _): &(&str, &str)| {
                patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes()))
            };
            Reply::map(SETTINGS.into_iter().filter(is_asked))
        }
        ("info", _) => text(format!(
            "# Server\r\nredis_version:{VERSION}\r\nserver_name:zresp-store\r\n\
             redis_mode:standalone\r\nprocess_id:{}\r\n\r\n# Clients\r\nconnected_clients:{}\r\n\r\n\
             # Replication\r\nrole:master\r\n\r\n# Keyspace\r\ndb0:keys={}\r\n",
            std::process::id(),
            clients.len(),
            keys.len(),
        )),
        ("time", []) => {
            let now = keys.now();
            Reply::array([now / 1000, now % 1000 * 1000].map(|part| part.to_string()))
        }
        _ => return Err(Failure::Unknown),
    })
}

/// Returns a reply of text for people to read.
fn text(text: String) -> Reply {
    Reply::verbatim(*b"txt", text)
}

/// Checks a user. The only one is `default`, with any password.
fn check_user(user: &[u8]) -> Answer {
    let refusal = Failure::of("WRONGPASS invalid username-password pair or user is disabled.");
    if user == b"default" { Ok(Reply::simple("OK")) } else { Err(refusal) }
}

fn set_name(client: &mut Client, name: &[u8]) -> Answer {
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err(Failure::of(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ));
    }
    client.name = Bytes::copy_from_slice(name);
    Ok(Reply::simple("OK"))
}

/// `HELLO [2 | 3 [AUTH user password] [SETNAME name]]`
fn hello(client: &mut Client, args: &[&[u8]]) -> Answer {
    let (mut protocol, mut options) = (client.protocol, args);
    if let [version, rest @ ..] = args {
        protocol = match integer(version) {
            Ok(2) => Protocol::Resp2,
            Ok(3) => Protocol::Resp3,
            Ok(_) => return Err(Failure::of("NOPROTO unsupported protocol version")),
            Err(_) => {
                return Err(Failure::of("ERR Protocol version is not an integer or out of range"));
            }
        };
        options = rest;
    }
    let mut name = None;
    while let [option, rest @ ..] = options {
        options = match (&*option.to_ascii_uppercase(), rest) {
            (b"AUTH", [user, _, rest @ ..]) => {
                check_user(user)?;
                rest
            }
            (b"SETNAME", [wanted, rest @ ..]) => {
                name = Some(wanted);
                rest
            }
            _ => {
                return Err([b"ERR Syntax error in HELLO option '", *option, b"'"].concat().into());
            }
        };
    }
    if let Some(name) = name {
        set_name(client, name)?;
    }
    client.protocol = protocol;
    Ok(Reply::map([
        ("server", Reply::from("redis")),
        ("version", VERSION.into()),
        ("proto", if protocol == Protocol::Resp3 { 3 } else { 2 }.into()),
        ("id", client.id.into()),
        ("mode", "standalone".into()),
        ("role", "master".into()),
        ("modules", Reply::array([(); 0])),
    ]))
}
