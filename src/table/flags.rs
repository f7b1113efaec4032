//! What a command does and may do, as sets of flags.

use bitflags::bitflags;

bitflags! {
    /// The flags of a command, as `COMMAND` names them: what it does and when it may be called.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Flags: u32 {
        /// May change data.
        const WRITE = 1;
        /// Reads data and never changes it, so a replica can execute it.
        const READONLY = 1 << 1;
        /// Refused when memory is short.
        const DENYOOM = 1 << 2;
        /// Belongs to a module.
        const MODULE = 1 << 3;
        /// For administrators.
        const ADMIN = 1 << 4;
        /// Belongs to publish and subscribe.
        const PUBSUB = 1 << 5;
        /// Refused in scripts.
        const NOSCRIPT = 1 << 6;
        /// May block its client.
        const BLOCKING = 1 << 7;
        /// Allowed while the server loads its data.
        const LOADING = 1 << 8;
        /// Allowed on a replica with stale data.
        const STALE = 1 << 9;
        /// Not shown by `MONITOR`.
        const SKIP_MONITOR = 1 << 10;
        /// Not logged by `SLOWLOG`.
        const SKIP_SLOWLOG = 1 << 11;
        /// Implies `ASKING`: accepted for a slot that is being imported.
        const ASKING = 1 << 12;
        /// Takes constant or logarithmic time.
        const FAST = 1 << 13;
        /// Allowed before authentication.
        const NO_AUTH = 1 << 14;
        /// May be replicated although it does not write.
        const MAY_REPLICATE = 1 << 15;
        /// Refused while data is loaded asynchronously.
        const NO_ASYNC_LOADING = 1 << 16;
        /// Refused in a transaction.
        const NO_MULTI = 1 << 17;
        /// Its keys are not at fixed positions.
        const MOVABLEKEYS = 1 << 18;
        /// Allowed while a script or a function blocks the server.
        const ALLOW_BUSY = 1 << 19;
        /// May be called without keys.
        const NO_MANDATORY_KEYS = 1 << 20;
        /// Refused unless the server's configuration allows it.
        const PROTECTED = 1 << 21;
        /// Not logged by `COMMANDLOG`, which replaces `SLOWLOG` in Valkey.
        const SKIP_COMMANDLOG = 1 << 22;
        /// Runs a script or a function.
        const SCRIPT_RUNNER = 1 << 23;
    }

    /// The ACL categories of a command.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Categories: u32 {
        /// `@keyspace`
        const KEYSPACE = 1;
        /// `@read`
        const READ = 1 << 1;
        /// `@write`
        const WRITE = 1 << 2;
        /// `@set`
        const SET = 1 << 3;
        /// `@sortedset`
        const SORTEDSET = 1 << 4;
        /// `@list`
        const LIST = 1 << 5;
        /// `@hash`
        const HASH = 1 << 6;
        /// `@string`
        const STRING = 1 << 7;
        /// `@bitmap`
        const BITMAP = 1 << 8;
        /// `@hyperloglog`
        const HYPERLOGLOG = 1 << 9;
        /// `@geo`
        const GEO = 1 << 10;
        /// `@stream`
        const STREAM = 1 << 11;
        /// `@pubsub`
        const PUBSUB = 1 << 12;
        /// `@admin`
        const ADMIN = 1 << 13;
        /// `@fast`
        const FAST = 1 << 14;
        /// `@slow`
        const SLOW = 1 << 15;
        /// `@blocking`
        const BLOCKING = 1 << 16;
        /// `@dangerous`
        const DANGEROUS = 1 << 17;
        /// `@connection`
        const CONNECTION = 1 << 18;
        /// `@transaction`
        const TRANSACTION = 1 << 19;
        /// `@scripting`
        const SCRIPTING = 1 << 20;
        /// `@json`
        const JSON = 1 << 21;
        /// `@search`
        const SEARCH = 1 << 22;
        /// `@timeseries`
        const TIMESERIES = 1 << 23;
        /// `@bloom`
        const BLOOM = 1 << 24;
        /// `@cuckoo`
        const CUCKOO = 1 << 25;
        /// `@cms`
        const CMS = 1 << 26;
        /// `@topk`
        const TOPK = 1 << 27;
        /// `@tdigest`
        const TDIGEST = 1 << 28;
        /// `@array`
        const ARRAY = 1 << 29;
    }

    /// What a command does with a key. If that depends on other arguments, all flags that may apply are set.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// Reads the value, or its properties.
        const READ = 1;
        /// Changes, replaces or removes the value.
        const WRITE = 1 << 1;
        /// Returns, copies or uses some of the data.
        const ACCESS = 1 << 2;
        /// Changes existing data.
        const UPDATE = 1 << 3;
        /// Adds data, without changing or removing any.
        const INSERT = 1 << 4;
        /// Removes data.
        const DELETE = 1 << 5;
    }
}
