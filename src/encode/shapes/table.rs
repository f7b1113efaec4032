//! The table of the commands whose replies differ between the protocols: [`find`].

use super::form::{self, Form};

/// How the arguments of a command decide on the form of its reply.
enum Rule {
    Always(&'static Form),
    /// One form if there is an argument at this index, or another.
    Argument(usize, &'static Form, &'static Form),
    /// One form if there is this word at this index or after it, or another.
    Word(usize, &'static str, &'static Form, &'static Form),
    /// The same, after keys whose number is at this index.
    WordAfterKeys(usize, &'static str, &'static Form, &'static Form),
    /// By the subcommand. The first form is that of the others.
    Subcommand(&'static Form, &'static [(&'static str, &'static Form)]),
    VectorSearch,
}

use Rule::{Always, Argument, Subcommand, VectorSearch, Word, WordAfterKeys};

/// The commands, in alphabetical order. A command that is missing has a reply of the form [`form::ANY`].
static COMMANDS: &[(&str, Rule)] = &[
    ("ACL", Subcommand(&form::ANY, &[("GETUSER", &form::USER), ("LOG", &form::ACL_LOG)])),
    ("BLMOVE", Always(&form::MOVED_ELEMENT)),
    ("BLMPOP", Always(&form::ANY_OR_NULL_ARRAY)),
    ("BLPOP", Always(&form::ANY_OR_NULL_ARRAY)),
    ("BRPOP", Always(&form::ANY_OR_NULL_ARRAY)),
    ("BRPOPLPUSH", Always(&form::MOVED_ELEMENT)),
    ("BZMPOP", Always(&form::KEY_AND_MEMBERS)),
    ("BZPOPMAX", Always(&form::KEY_AND_SCORED)),
    ("BZPOPMIN", Always(&form::KEY_AND_SCORED)),
    (
        "CLIENT",
        Subcommand(
            &form::ANY,
            &[("INFO", &form::TEXT), ("LIST", &form::TEXT), ("TRACKINGINFO", &form::TRACKING)],
        ),
    ),
    (
        "CLUSTER",
        Subcommand(
            &form::ANY,
            &[
                ("GETSLOTMIGRATIONS", &form::MAPS),
                ("INFO", &form::TEXT),
                ("LINKS", &form::MAPS),
                ("MIGRATION", &form::MAPS),
                ("NODES", &form::TEXT),
                ("SHARDS", &form::SHARDS),
                ("SLOT-STATS", &form::SLOT_STATS),
                ("SLOTS", &form::SLOT_RANGES),
            ],
        ),
    ),
    (
        "COMMAND",
        Subcommand(
            &form::COMMANDS,
            &[("DOCS", &form::COMMAND_DOCS), ("GETKEYSANDFLAGS", &form::KEYS_AND_FLAGS)],
        ),
    ),
    ("CONFIG", Subcommand(&form::ANY, &[("GET", &form::MAP)])),
    ("EXEC", Always(&form::EXEC)),
    (
        "FUNCTION",
        Subcommand(&form::ANY, &[("LIST", &form::LIBRARIES), ("STATS", &form::FUNCTION_STATS)]),
    ),
    ("GEOPOS", Always(&form::POSITIONS)),
    ("GEORADIUS", Always(&form::PLACES)),
    ("GEORADIUSBYMEMBER", Always(&form::PLACES)),
    ("GEORADIUSBYMEMBER_RO", Always(&form::PLACES)),
    ("GEORADIUS_RO", Always(&form::PLACES)),
    ("GEOSEARCH", Always(&form::PLACES)),
    ("HELLO", Always(&form::HELLO)),
    ("HGETALL", Always(&form::MAP)),
    ("HOTKEYS", Subcommand(&form::ANY, &[("GET", &form::MAPS)])),
    ("HRANDFIELD", Argument(3, &form::FIELDS, &form::ANY)),
    ("INFO", Always(&form::TEXT)),
    // The default path of JSON's commands is `.` in RESP2, but `$` in RESP3. These are the commands for which that makes
    // no difference. See `find` for the others.
    ("JSON.CLEAR", Always(&form::ANY)),
    ("JSON.DEL", Always(&form::ANY)),
    ("JSON.FORGET", Always(&form::ANY)),
    ("JSON.MERGE", Always(&form::ANY)),
    ("JSON.MGET", Always(&form::ANY)),
    ("JSON.MSET", Always(&form::ANY)),
    ("JSON.SET", Always(&form::ANY)),
    (
        "LATENCY",
        Subcommand(
            &form::ANY,
            &[("DOCTOR", &form::TEXT), ("GRAPH", &form::TEXT), ("HISTOGRAM", &form::HISTOGRAMS)],
        ),
    ),
    ("LCS", Always(&form::MAP)),
    ("LMPOP", Always(&form::ANY_OR_NULL_ARRAY)),
    ("LOLWUT", Always(&form::TEXT)),
    ("LPOP", Argument(2, &form::ANY_OR_NULL_ARRAY, &form::ANY)),
    (
        "MEMORY",
        Subcommand(
            &form::ANY,
            &[("DOCTOR", &form::TEXT), ("MALLOC-STATS", &form::TEXT), ("STATS", &form::MEMORY)],
        ),
    ),
    ("MODULE", Subcommand(&form::ANY, &[("LIST", &form::MAPS)])),
    ("PSUBSCRIBE", Always(&form::PUSH)),
    ("PUNSUBSCRIBE", Always(&form::PUSH)),
    ("RPOP", Argument(2, &form::ANY_OR_NULL_ARRAY, &form::ANY)),
    ("SDIFF", Always(&form::SET)),
    ("SINTER", Always(&form::SET)),
    ("SMEMBERS", Always(&form::SET)),
    ("SPOP", Always(&form::SET)),
    ("SSUBSCRIBE", Always(&form::PUSH)),
    ("SUBSCRIBE", Always(&form::PUSH)),
    ("SUNION", Always(&form::SET)),
    ("SUNSUBSCRIBE", Always(&form::PUSH)),
    // Their values are simple strings in RESP2, but doubles in RESP3.
    ("TS.GET", Always(&form::UNTRANSLATABLE)),
    ("TS.INFO", Always(&form::UNTRANSLATABLE)),
    ("TS.MGET", Always(&form::UNTRANSLATABLE)),
    ("TS.MRANGE", Always(&form::UNTRANSLATABLE)),
    ("TS.MREVRANGE", Always(&form::UNTRANSLATABLE)),
    ("TS.NRANGE", Always(&form::UNTRANSLATABLE)),
    ("TS.NREVRANGE", Always(&form::UNTRANSLATABLE)),
    ("TS.RANGE", Always(&form::UNTRANSLATABLE)),
    ("TS.READ", Always(&form::UNTRANSLATABLE)),
    ("TS.REVRANGE", Always(&form::UNTRANSLATABLE)),
    ("UNSUBSCRIBE", Always(&form::PUSH)),
    ("VADD", Always(&form::BOOLEAN)),
    ("VEMB", Argument(3, &form::RAW_VECTOR, &form::DOUBLES)),
    ("VINFO", Always(&form::MAP_OR_NULL_ARRAY)),
    ("VISMEMBER", Always(&form::BOOLEAN)),
    ("VLINKS", Argument(3, &form::LEVELS, &form::ANY)),
    ("VREM", Always(&form::BOOLEAN)),
    ("VSETATTR", Always(&form::BOOLEAN)),
    ("VSIM", VectorSearch),
    ("XINFO", Subcommand(&form::MAPS, &[("STREAM", &form::STREAM)])),
    ("XPENDING", Argument(3, &form::ANY, &form::PENDING)),
    ("XREAD", Always(&form::STREAMS)),
    ("XREADGROUP", Always(&form::STREAMS)),
    ("ZADD", Always(&form::DOUBLE)),
    ("ZDIFF", WordAfterKeys(1, "WITHSCORES", &form::MEMBERS, &form::ANY)),
    ("ZINCRBY", Always(&form::DOUBLE)),
    ("ZINTER", WordAfterKeys(1, "WITHSCORES", &form::MEMBERS, &form::ANY)),
    ("ZMPOP", Always(&form::KEY_AND_MEMBERS)),
    ("ZMSCORE", Always(&form::DOUBLES)),
    ("ZPOPMAX", Argument(2, &form::MEMBERS, &form::SCORED)),
    ("ZPOPMIN", Argument(2, &form::MEMBERS, &form::SCORED)),
    ("ZRANDMEMBER", Argument(3, &form::MEMBERS, &form::ANY)),
    ("ZRANGE", Word(4, "WITHSCORES", &form::MEMBERS, &form::ANY)),
    ("ZRANGEBYSCORE", Word(4, "WITHSCORES", &form::MEMBERS, &form::ANY)),
    ("ZRANK", Argument(3, &form::SCORED, &form::ANY)),
    ("ZREVRANGE", Word(4, "WITHSCORES", &form::MEMBERS, &form::ANY)),
    ("ZREVRANGEBYSCORE", Word(4, "WITHSCORES", &form::MEMBERS, &form::ANY)),
    ("ZREVRANK", Argument(3, &form::SCORED, &form::ANY)),
    ("ZSCORE", Always(&form::DOUBLE)),
    ("ZUNION", WordAfterKeys(1, "WITHSCORES", &form::MEMBERS, &form::ANY)),
];

/// Returns the form of the reply to a command. `words` are its name and its arguments.
pub(super) fn find<W: AsRef<[u8]>>(mut words: impl Iterator<Item = W> + Clone) -> &'static Form {
    let all = words.clone();
    let Some(name) = words.next() else { return &form::ANY };
    let name = name.as_ref();
    let has_prefix = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    match with_first_letter(name).and_then(|commands| search(commands, name)) {
        Some(rule) => rule.decide(all),
        None if ["FT.", "_FT.", "JSON."].into_iter().any(has_prefix) => &form::UNTRANSLATABLE,
        None => &form::ANY,
    }
}

/// Finds a name, in any letter case.
fn search<T>(table: &'static [(&str, T)], name: &[u8]) -> Option<&'static T> {
    let mut entries = table.iter();
    Some(&entries.find(|(entry, _)| entry.as_bytes().eq_ignore_ascii_case(name))?.1)
}

/// Returns the commands that begin with the same letter as a name.
fn with_first_letter(name: &[u8]) -> Option<&'static [(&'static str, Rule)]> {
    let letter = usize::from(name.first()?.to_ascii_uppercase().checked_sub(b'A')?);
    COMMANDS.get(*STARTS.get(letter)?..*STARTS.get(letter + 1)?)
}

/// For each letter the index of the first command that begins with it, or with a later letter.
#[allow(clippy::indexing_slicing, reason = "at compile time")]
static STARTS: [usize; 27] = {
    let (mut starts, mut letter, mut at) = ([0; 27], 0, 0);
    while letter < starts.len() {
        while at < COMMANDS.len() && ((COMMANDS[at].0.as_bytes()[0] - b'A') as usize) < letter {
            at += 1;
        }
        starts[letter] = at;
        letter += 1;
    }
    starts
};

fn is_word(argument: &impl AsRef<[u8]>, word: &str) -> bool {
    argument.as_ref().eq_ignore_ascii_case(word.as_bytes())
}

/// Reads a number of arguments.
fn number(argument: &impl AsRef<[u8]>) -> Option<usize> {
    core::str::from_utf8(argument.as_ref()).ok()?.parse().ok()
}

impl Rule {
    fn decide<W: AsRef<[u8]>>(&self, mut words: impl Iterator<Item = W> + Clone) -> &'static Form {
        match *self {
            Always(form) => form,
            Argument(at, with, without) => {
                if words.nth(at).is_some() {
                    with
                } else {
                    without
                }
            }
            Word(from, word, with, without) => {
                if words.skip(from).any(|argument| is_word(&argument, word)) {
                    with
                } else {
                    without
                }
            }
            WordAfterKeys(at, word, with, without) => {
                let keys = words.nth(at).and_then(|count| number(&count));
                let mut options = words.skip(keys.unwrap_or(0));
                if options.any(|argument| is_word(&argument, word)) { with } else { without }
            }
            Subcommand(other, forms) => {
                let subcommand = words.nth(1);
                subcommand.and_then(|name| search(forms, name.as_ref()).copied()).unwrap_or(other)
            }
            VectorSearch => vector_search(words),
        }
    }
}

/// Returns the form of the reply to `VSIM key (ELE element | FP32 vector | VALUES count value …) option …`.
fn vector_search<W: AsRef<[u8]>>(mut words: impl Iterator<Item = W> + Clone) -> &'static Form {
    let is_by_values = words.nth(2).is_some_and(|argument| is_word(&argument, "VALUES"));
    let count = words.next().and_then(|count| number(&count)).filter(|_| is_by_values);
    let options = words.skip(count.unwrap_or(0));
    let has = |word| options.clone().any(|argument| is_word(&argument, word));
    match (has("WITHSCORES"), has("WITHATTRIBS")) {
        (true, true) => &form::SCORES_AND_ATTRIBUTES,
        (true, false) => &form::SCORES,
        (false, true) => &form::ATTRIBUTES,
        (false, false) => &form::ANY,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::encode::shapes::form::{Body, NullForm};

    /// Adds a form and all forms in it.
    fn add(form: &'static Form, forms: &mut Vec<&'static Form>) {
        if forms.iter().any(|known| core::ptr::eq(*known, form)) {
            return;
        }
        forms.push(form);
        for child in children(form) {
            add(child, forms);
        }
    }

    fn children(form: &Form) -> Vec<&'static Form> {
        match form.body {
            Body::List(form)
            | Body::Set(form)
            | Body::MapUnlessEmpty(form)
            | Body::Entries(form) => vec![form],
            Body::Tuple(forms) | Body::Rows(forms) | Body::KeyedRows(forms) => forms.to_vec(),
            Body::Map(fields, others) => {
                fields.iter().map(|(_, form)| *form).chain([others]).collect()
            }
            _ => vec![],
        }
    }

    #[test]
    fn a_plain_form_has_only_plain_forms_in_it() {
        let mut forms = Vec::new();
        for (_, rule) in COMMANDS {
            match *rule {
                Always(form) => add(form, &mut forms),
                Argument(_, a, b) | Word(_, _, a, b) | WordAfterKeys(_, _, a, b) => {
                    add(a, &mut forms);
                    add(b, &mut forms);
                }
                Subcommand(other, subcommands) => {
                    add(other, &mut forms);
                    for (_, form) in subcommands {
                        add(form, &mut forms);
                    }
                }
                VectorSearch => {}
            }
        }
        add(&form::SCORES, &mut forms);
        add(&form::ATTRIBUTES, &mut forms);
        let plain: Vec<_> = forms.iter().filter(|form| form.is_plain).collect();
        assert!(plain.len() > 30 && plain.len() < forms.len());
        for form in plain {
            let differs = matches!(
                form.body,
                Body::Entries(_)
                    | Body::Rows(_)
                    | Body::KeyedRows(_)
                    | Body::Pong
                    | Body::PongWith
                    | Body::Push
                    | Body::Exec
                    | Body::Untranslatable
            );
            assert!(!differs && form.null == NullForm::Bulk);
            assert!(children(form).into_iter().all(|child| child.is_plain));
        }
    }

    #[test]
    fn the_tables_are_sorted() {
        assert!(COMMANDS.is_sorted_by(|(a, _), (b, _)| a < b));
        for (name, _) in COMMANDS {
            let found = with_first_letter(name.as_bytes())
                .and_then(|commands| search(commands, name.as_bytes()));
            assert!(found.is_some(), "{name}");
        }
        for (name, rule) in COMMANDS {
            if let Subcommand(_, forms) = rule {
                assert!(forms.is_sorted_by(|(a, _), (b, _)| a < b), "{name}");
            }
        }
    }
}
