//! The options of `--cluster`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::cli::stop::complain;

/// On the command line.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct ManagerOptions {
    /// Cluster manager: "--cluster help" lists what it can do.
    #[arg(long = "cluster", value_name = "command", num_args = 1.., allow_negative_numbers = true)]
    manager: Vec<OsString>,
    #[arg(long = "cluster-yes", hide = true)]
    yes: bool,
    #[arg(long = "cluster-replicas", hide = true, default_value_t = 0)]
    replicas: u32,
    #[arg(long = "cluster-replica", alias = "cluster-slave", hide = true)]
    as_replica: bool,
    #[arg(long = "cluster-only-primaries", alias = "cluster-only-masters", hide = true)]
    only_primaries: bool,
    #[arg(long = "cluster-only-replicas", hide = true)]
    only_replicas: bool,
    /// Options of subcommands that are not there: they are told so by name, not by these.
    #[command(flatten)]
    _of_missing: OfMissing,
}

#[derive(clap::Args, Debug)]
struct OfMissing {
    #[arg(long = "cluster-search-multiple-owners", hide = true)]
    _search: bool,
    #[arg(long = "cluster-fix-with-unreachable-primaries", alias = "cluster-fix-with-unreachable-masters", hide = true)]
    _unreachable: bool,
    #[arg(long = "cluster-from", hide = true)]
    _from: Option<OsString>,
    #[arg(long = "cluster-to", hide = true)]
    _to: Option<OsString>,
    #[arg(long = "cluster-slots", hide = true)]
    _slots: Option<OsString>,
    #[arg(long = "cluster-timeout", hide = true)]
    _timeout: Option<OsString>,
    #[arg(long = "cluster-pipeline", hide = true)]
    _pipeline: Option<OsString>,
    #[arg(long = "cluster-threshold", hide = true)]
    _threshold: Option<OsString>,
    #[arg(long = "cluster-weight", hide = true, num_args = 1..)]
    _weight: Vec<OsString>,
    #[arg(long = "cluster-primaries-id", alias = "cluster-master-id", hide = true)]
    _primaries_id: Option<OsString>,
    #[arg(long = "cluster-from-user", hide = true)]
    _from_user: Option<OsString>,
    #[arg(long = "cluster-from-pass", hide = true)]
    _from_pass: Option<OsString>,
    #[arg(long = "cluster-from-askpass", hide = true)]
    _from_askpass: bool,
    #[arg(long = "cluster-replace", hide = true)]
    _replace: bool,
    #[arg(long = "cluster-copy", hide = true)]
    _copy: bool,
    #[arg(long = "cluster-simulate", hide = true)]
    _simulate: bool,
    #[arg(long = "cluster-use-empty-primaries", alias = "cluster-use-empty-masters", hide = true)]
    _use_empty: bool,
}

/// What the manager is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Wish {
    /// The subcommand.
    pub(super) name: String,
    /// Its arguments, as text: addresses, ids.
    pub(super) args: Vec<String>,
    /// The same as they came: the words of `call`.
    pub(super) words: Vec<Vec<u8>>,
    pub(super) yes: bool,
    pub(super) replicas: u32,
    pub(super) as_replica: bool,
    pub(super) only_primaries: bool,
    pub(super) only_replicas: bool,
}

impl Wish {
    /// Whether it is for replicas, which are not there: it has been said so.
    pub(super) fn is_for_replicas(&self) -> bool {
        let is_for_replicas = self.replicas > 0 || self.as_replica;
        if is_for_replicas {
            complain(format_args!("larder-cli --cluster {} is not available for replicas: nodes cannot follow others yet", self.name));
        }
        is_for_replicas
    }
}

impl ManagerOptions {
    /// What it is to do, if it is to do anything.
    pub(in crate::cli) fn wish(&self) -> Option<Wish> {
        let words: Vec<Vec<u8>> = self.manager.iter().cloned().map(OsString::into_vec).collect();
        let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
        let (name, args) = words.split_first()?;
        Some(Wish {
            name: text(name),
            args: args.iter().map(text).collect(),
            words: args.to_vec(),
            yes: self.yes,
            replicas: self.replicas,
            as_replica: self.as_replica,
            only_primaries: self.only_primaries,
            only_replicas: self.only_replicas,
        })
    }
}
