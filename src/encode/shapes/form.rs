//! What a reply is made of, in both protocols: [`Form`].

/// The form of one value in the reply to a command.
///
/// A scalar or an aggregate of another kind than the form says is left as it is: `+QUEUED` and errors can be the reply
/// to any command.
pub(super) struct Form {
    pub(super) body: Body,
    pub(super) null: NullForm,
    /// Whether the protocols differ only by the kinds of values, here and inside: then the plain downgrade is right.
    pub(super) is_plain: bool,
}

/// What RESP2 has where RESP3 has `_`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NullForm {
    /// `$-1`.
    Bulk,
    /// `*-1`.
    Array,
    /// `*-1`, but `$-1` in the reply to `EXEC`.
    ArrayOutsideExec,
}

pub(super) enum Body {
    /// No difference except those in the table of [`Encode`](crate::Encode).
    Any,
    /// A bulk string, or a verbatim string in the format `txt`.
    Text,
    /// A bulk string, or a double.
    Double,
    /// 0 or 1, or a boolean.
    Boolean,
    /// An array of equal forms.
    List(&'static Form),
    /// An array with a form for each place. Elements after the last form are [`ANY`].
    Tuple(&'static [&'static Form]),
    /// An array, or a set.
    Set(&'static Form),
    /// An array of alternating keys and values, or a map. Values whose key has no form have the second form.
    Map(&'static [(&'static str, &'static Form)], &'static Form),
    /// An array of alternating keys and values, or a map. But if it is empty, it is an array in both protocols.
    MapUnlessEmpty(&'static Form),
    /// An array of arrays of two, or a map.
    Entries(&'static Form),
    /// A flat array, or an array of arrays that have a value for each form.
    Rows(&'static [&'static Form]),
    /// A flat array, or a map from a key to an array that has a value for each form. But if it is empty, it is an
    /// array in both protocols.
    KeyedRows(&'static [&'static Form]),
    /// The reply to `PING` without an argument, in RESP2 from a subscribed client: the array `pong` and an empty
    /// string, or the simple string `PONG`.
    Pong,
    /// The reply to `PING` with an argument, in RESP2 from a subscribed client: the array `pong` and the argument, or
    /// the argument.
    PongWith,
    /// An array, or a push. An invalidation is a message of the channel `__redis__:invalidate`, or a push.
    Push,
    /// The reply to `EXEC`: an array whose elements have the forms of the queued commands, if they are known.
    Exec,
    /// What the reply says depends on the protocol.
    Untranslatable,
}

impl Form {
    /// The protocols differ only by the kinds of values, here and inside.
    pub(super) const fn plain(body: Body) -> Self {
        Self { body, null: NullForm::Bulk, is_plain: true }
    }

    pub(super) const fn new(body: Body) -> Self {
        Self { body, null: NullForm::Bulk, is_plain: false }
    }

    /// Its null is `*-1` in RESP2.
    pub(super) const fn or_null_array(body: Body) -> Self {
        Self { body, null: NullForm::Array, is_plain: false }
    }

    /// Returns how many values each row has: each array that only one of the protocols has.
    pub(super) const fn row_len(&self) -> usize {
        match self.body {
            Body::Rows(forms) | Body::KeyedRows(forms) => forms.len(),
            _ => 2,
        }
    }

    /// Returns how many keys lie before each row.
    pub(super) const fn row_keys(&self) -> usize {
        matches!(self.body, Body::KeyedRows(_)) as usize
    }

    const fn list(form: &'static Self) -> Self {
        Self::plain(Body::List(form))
    }

    const fn map(fields: &'static [(&'static str, &'static Self)]) -> Self {
        Self::plain(Body::Map(fields, &ANY))
    }
}

pub(super) static ANY: Form = Form::plain(Body::Any);
pub(super) static ANY_OR_NULL_ARRAY: Form = Form::or_null_array(Body::Any);
pub(super) static MOVED_ELEMENT: Form =
    Form { null: NullForm::ArrayOutsideExec, ..Form::new(Body::Any) };
pub(super) static TEXT: Form = Form::plain(Body::Text);
pub(super) static DOUBLE: Form = Form::plain(Body::Double);
pub(super) static BOOLEAN: Form = Form::plain(Body::Boolean);
pub(super) static SET: Form = Form::plain(Body::Set(&ANY));
pub(super) static MAP: Form = Form::map(&[]);
pub(super) static MAP_OR_NULL_ARRAY: Form = Form::or_null_array(Body::Map(&[], &ANY));
pub(super) static MAPS: Form = Form::list(&MAP);
pub(super) static DOUBLES: Form = Form::list(&DOUBLE);
pub(super) static LEVELS: Form = Form::list(&LEVEL);
static LEVEL: Form = Form::plain(Body::Map(&[], &DOUBLE));
pub(super) static SCORES: Form = Form::plain(Body::MapUnlessEmpty(&DOUBLE));
pub(super) static ATTRIBUTES: Form = Form::plain(Body::MapUnlessEmpty(&ANY));
pub(super) static UNTRANSLATABLE: Form = Form::new(Body::Untranslatable);
pub(super) static PONG: Form = Form::new(Body::Pong);
pub(super) static PONG_WITH: Form = Form::new(Body::PongWith);
pub(super) static PUSH: Form = Form::new(Body::Push);
pub(super) static EXEC: Form = Form::or_null_array(Body::Exec);

// Sorted sets, hashes and vector sets.
pub(super) static FIELDS: Form = Form::new(Body::Rows(&[&ANY, &ANY]));
pub(super) static MEMBERS: Form = Form::new(Body::Rows(&[&ANY, &DOUBLE]));
/// A member or a rank, and a score.
pub(super) static SCORED: Form = Form::or_null_array(Body::Tuple(&[&ANY, &DOUBLE]));
pub(super) static KEY_AND_SCORED: Form = Form::or_null_array(Body::Tuple(&[&ANY, &ANY, &DOUBLE]));
pub(super) static KEY_AND_MEMBERS: Form = Form::or_null_array(Body::Tuple(&[&ANY, &ALL_SCORED]));
static ALL_SCORED: Form = Form::new(Body::List(&SCORED));
pub(super) static SCORES_AND_ATTRIBUTES: Form = Form::new(Body::KeyedRows(&[&DOUBLE, &ANY]));
/// The quantisation, the vector, its norm and its range.
pub(super) static RAW_VECTOR: Form = Form::plain(Body::Tuple(&[&ANY, &ANY, &DOUBLE, &DOUBLE]));

// Places.
pub(super) static POSITIONS: Form = Form::new(Body::List(&POSITION));
static POSITION: Form = Form::or_null_array(Body::List(&DOUBLE));
/// Names, or arrays of a name, its distance, its hash, and its position.
pub(super) static PLACES: Form = Form::new(Body::List(&PLACE));
static PLACE: Form = Form::new(Body::List(&POSITION));

// Streams.
pub(super) static STREAMS: Form = Form::or_null_array(Body::Entries(&STREAM_ENTRIES));
static STREAM_ENTRIES: Form = Form::new(Body::List(&STREAM_ENTRY));
/// The fields are null if the entry is pending, but deleted.
static STREAM_ENTRY: Form = Form::new(Body::Tuple(&[&ANY, &ANY_OR_NULL_ARRAY]));
pub(super) static PENDING: Form = Form::new(Body::Tuple(&[&ANY, &ANY, &ANY, &ANY_OR_NULL_ARRAY]));
pub(super) static STREAM: Form = Form::map(&[("groups", &GROUPS)]);
static GROUPS: Form = Form::list(&GROUP);
static GROUP: Form = Form::map(&[("consumers", &MAPS)]);

// The server.
pub(super) static HELLO: Form = Form::map(&[("modules", &MAPS)]);
pub(super) static ACL_LOG: Form = Form::list(&ACL_LOG_ENTRY);
static ACL_LOG_ENTRY: Form = Form::map(&[("age-seconds", &DOUBLE)]);
pub(super) static USER: Form = Form::map(&[("flags", &SET), ("selectors", &MAPS)]);
pub(super) static TRACKING: Form = Form::map(&[("flags", &SET)]);
pub(super) static LIBRARIES: Form = Form::list(&LIBRARY);
static LIBRARY: Form = Form::map(&[("functions", &FUNCTIONS)]);
static FUNCTIONS: Form = Form::list(&FUNCTION);
static FUNCTION: Form = Form::map(&[("flags", &SET)]);
pub(super) static FUNCTION_STATS: Form =
    Form::map(&[("running_script", &MAP), ("engines", &ENGINES)]);
static ENGINES: Form = Form::plain(Body::Map(&[], &MAP));
pub(super) static HISTOGRAMS: Form = Form::plain(Body::Map(&[], &HISTOGRAM));
static HISTOGRAM: Form = Form::map(&[("histogram_usec", &MAP)]);
/// The values that are arrays are those of a database.
pub(super) static MEMORY: Form = Form::plain(Body::Map(
    &[
        ("allocator-fragmentation.ratio", &DOUBLE),
        ("allocator-rss.ratio", &DOUBLE),
        ("dataset.percentage", &DOUBLE),
        ("fragmentation", &DOUBLE),
        ("peak.percentage", &DOUBLE),
        ("rss-overhead.ratio", &DOUBLE),
    ],
    &MAP,
));

// Commands.
pub(super) static COMMANDS: Form = Form::list(&COMMAND);
/// The name, the arity, the flags, three positions, the categories, the tips, the key specifications, and the
/// subcommands.
static COMMAND: Form = Form::plain(Body::Tuple(&[
    &ANY, &ANY, &SET, &ANY, &ANY, &ANY, &SET, &SET, &KEY_SPECS, &COMMANDS,
]));
static KEY_SPECS: Form = Form::plain(Body::Set(&KEY_SPEC));
static KEY_SPEC: Form =
    Form::map(&[("flags", &SET), ("begin_search", &KEY_SEARCH), ("find_keys", &KEY_SEARCH)]);
static KEY_SEARCH: Form = Form::map(&[("spec", &MAP)]);
pub(super) static COMMAND_DOCS: Form = Form::plain(Body::Map(&[], &COMMAND_DOC));
static COMMAND_DOC: Form = Form::map(&[
    ("arguments", &ARGUMENT_DOCS),
    ("subcommands", &COMMAND_DOCS),
    ("history", &SET),
    ("doc_flags", &SET),
]);
static ARGUMENT_DOCS: Form = Form::list(&ARGUMENT_DOC);
static ARGUMENT_DOC: Form = Form::map(&[("arguments", &ARGUMENT_DOCS), ("flags", &SET)]);
pub(super) static KEYS_AND_FLAGS: Form = Form::list(&KEY_AND_FLAGS);
static KEY_AND_FLAGS: Form = Form::plain(Body::Tuple(&[&ANY, &SET]));

// A cluster.
pub(super) static SHARDS: Form = Form::list(&SHARD);
static SHARD: Form = Form::map(&[("nodes", &MAPS)]);
pub(super) static SLOT_RANGES: Form = Form::list(&SLOT_RANGE);
static SLOT_RANGE: Form = Form::list(&NODE);
/// The address, the port, the id, and other addresses.
static NODE: Form = Form::plain(Body::Tuple(&[&ANY, &ANY, &ANY, &MAP]));
pub(super) static SLOT_STATS: Form = Form::list(&STATS_OF_SLOT);
static STATS_OF_SLOT: Form = Form::plain(Body::Tuple(&[&ANY, &MAP]));
