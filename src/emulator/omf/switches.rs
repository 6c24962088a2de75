//! What no document of AVEVA answers about OMF connections, one switch a question, and how long things take. The first
//! answer of each is the default.

use std::time::Duration;

use crate::emulator::switches::{Answered, Answers, Switch, choices};

/// The longest that a state may last: a day.
const MOST_MILLISECONDS: u32 = 86_400_000;

/// How long a token lives. The documents allow 60 to 3600 seconds.
pub(super) const TOKEN_SECONDS: Switch = Switch {
    name: "omf.token-seconds",
    question: "How many seconds a token lives that is issued from now on.",
    answers: Answers::WholeNumber(86_400),
    default: "3600",
};

/// How long a new connection is Creating.
const CREATING_MILLISECONDS: Switch = Switch {
    name: "omf.creating-milliseconds",
    question: "How many milliseconds a new connection is Creating before it is Active.",
    answers: Answers::WholeNumber(MOST_MILLISECONDS),
    default: "1000",
};

/// How long a connection is Deleting.
const DELETING_MILLISECONDS: Switch = Switch {
    name: "omf.deleting-milliseconds",
    question: "How many milliseconds a connection is Deleting after its DELETE.",
    answers: Answers::WholeNumber(MOST_MILLISECONDS),
    default: "1000",
};

/// How long a deleted connection is listed as Deleted.
const DELETED_MILLISECONDS: Switch = Switch {
    name: "omf.deleted-milliseconds",
    question: "How many milliseconds a connection is listed as Deleted before it is gone.",
    answers: Answers::WholeNumber(MOST_MILLISECONDS),
    default: "1000",
};

/// How many connections a client may have open at a time.
pub(super) const CONCURRENT_CONNECTIONS: Switch = Switch {
    name: "omf.concurrent-connections",
    question: "How many TCP connections a client may have open at a time; 0: no limit.",
    answers: Answers::WholeNumber(1000),
    default: "24",
};

/// Every switch of this vendor.
pub(super) fn all() -> Vec<Switch> {
    let numbers = [
        TOKEN_SECONDS,
        CREATING_MILLISECONDS,
        DELETING_MILLISECONDS,
        DELETED_MILLISECONDS,
        CONCURRENT_CONNECTIONS,
    ];
    [&numbers, CHOICES].concat()
}

/// How long each state of a connection lasts. None: for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) creating: Option<Duration>,
    pub(super) deleting: Option<Duration>,
    pub(super) deleted: Option<Duration>,
    /// Whether a connection is ever seen as Deleted.
    pub(super) shows_deleted: bool,
}

impl Pace {
    pub(super) fn new(switches: &Answered) -> Self {
        let milliseconds = |switch| Duration::from_millis(switches.whole_number(switch).into());
        let creates = switches.choice::<Creation>() == Creation::Completes;
        let deletes = switches.choice::<Deletion>() == Deletion::Completes;
        let row = switches.choice::<DeletedRow>();
        Self {
            creating: creates.then(|| milliseconds(&CREATING_MILLISECONDS)),
            deleting: deletes.then(|| milliseconds(&DELETING_MILLISECONDS)),
            deleted: (row != DeletedRow::Stays).then(|| milliseconds(&DELETED_MILLISECONDS)),
            shows_deleted: row != DeletedRow::Vanishes,
        }
    }
}

choices! {
    /// Whether a creation ever ends.
    Creation = "omf.creation" {
        Completes = "completes": "it ends with Active",
        Stays = "stays": "the connection stays Creating, until the answer is another one or the controls settle it",
    }
    /// Whether a deletion ever ends.
    Deletion = "omf.deletion" {
        Completes = "completes": "it ends with Deleted",
        Stays = "stays": "the connection stays Deleting, until the answer is another one or the controls settle it",
    }
    /// What is left of a deleted connection.
    DeletedRow = "omf.deleted-row" {
        Passes = "passes": "it is listed as Deleted for omf.deleted-milliseconds, then it is gone",
        Vanishes = "vanishes": "nothing: behind Deleting it is gone",
        Stays = "stays": "it is listed as Deleted for ever",
    }
    /// What a GET of a connection that is listed as Deleted answers.
    DeletedGet = "omf.deleted-get" {
        Shown = "shown": "200 with it",
        NotFound = "404": "404",
    }
    /// The state in the answer to a POST.
    CreateReply = "omf.create-reply" {
        Creating = "creating": "Creating, as it then is",
        Active = "active": "Active, as the example prints it, though it is Creating still",
    }
    /// What the answer to a DELETE holds: the documents say a connection, and they say no content.
    DeleteReply = "omf.delete-reply" {
        Connection = "connection": "the connection",
        Empty = "empty": "nothing",
    }
    /// What a list is.
    ListShape = "omf.list-shape" {
        Results = "results": "{\"Results\": […]}, as documented",
        BareArray = "bare-array": "a bare array, as the vendor's other lists are",
    }
    /// What Results is in a namespace without connections.
    EmptyList = "omf.empty-list" {
        Empty = "empty": "[]",
        Null = "null": "null",
    }
    /// How a member without a value reads.
    Valueless = "omf.valueless" {
        Null = "null": "as null",
        Absent = "absent": "it is absent",
    }
    /// What happens to a connection without any client id.
    NoClientIds = "omf.no-client-ids" {
        Accepted = "accepted": "it is taken",
        Refused = "refused": "it is refused with 400",
    }
    /// How ClientIds reads where there are none.
    EmptyClientIds = "omf.empty-client-ids" {
        Empty = "empty": "as []",
        Null = "null": "as null",
        Absent = "absent": "it is absent",
    }
    /// In which case client ids read back.
    ClientIdCase = "omf.client-id-case" {
        Kept = "kept": "as written",
        Lower = "lower": "in lower case",
        Upper = "upper": "in upper case",
    }
    /// In which order client ids read back.
    ClientIdOrder = "omf.client-id-order" {
        Kept = "kept": "as written",
        Sorted = "sorted": "sorted",
    }
    /// What happens to a client id that stands twice in one body, in whatever case.
    RepeatedClientId = "omf.repeated-client-id" {
        Dropped = "dropped": "the first is taken",
        Kept = "kept": "both are, and read back",
        Refused = "refused": "400",
    }
    /// The status that refuses a client id which another connection of the namespace has.
    ClientIdTaken = "omf.client-id-taken" {
        BadRequest = "400": "400",
        Conflict = "409": "409",
    }
    /// When the client ids of a deleted connection are free for another one.
    ClientIdsFreed = "omf.client-ids-freed" {
        WhenDeleted = "when-deleted": "when it is Deleted",
        AtOnce = "at-once": "when its DELETE was accepted",
        WhenGone = "when-gone": "when it is no longer listed",
    }
    /// What a PUT of a connection that is Creating, Deleting or Deleted answers.
    PutUnderWay = "omf.put-under-way" {
        BadRequest = "400": "400",
        Conflict = "409": "409",
        Accepted = "accepted": "200",
    }
    /// What a DELETE of a connection that is Creating answers.
    DeleteWhileCreating = "omf.delete-while-creating" {
        Accepted = "accepted": "202",
        BadRequest = "400": "400",
        Conflict = "409": "409",
    }
    /// What a DELETE of a connection that is Deleting or Deleted answers.
    DeleteAgain = "omf.delete-again" {
        Accepted = "accepted": "202",
        BadRequest = "400": "400",
        NotFound = "404": "404",
    }
    /// In which order connections are listed.
    ListOrder = "omf.list-order" {
        Created = "created": "oldest first",
        Name = "name": "by name",
        Shuffled = "shuffled": "in another order each time",
    }
    /// The status with which the token endpoint refuses a wrong client or secret.
    InvalidClient = "omf.invalid-client" {
        BadRequest = "400": "400",
        Unauthorized = "401": "401",
    }
    /// What a token of another tenant gets.
    ForeignTenant = "omf.foreign-tenant" {
        Forbidden = "403": "403",
        NotFound = "404": "404",
    }
    /// The status that refuses a connection above omf.concurrent-connections.
    TooManyConnections = "omf.too-many-connections" {
        Unavailable = "503": "503",
        TooManyRequests = "429": "429",
    }
    /// What the body of a refusal holds, other than at the token endpoint.
    ErrorBody = "omf.error-body" {
        Parameters = "parameters": "OperationId, Error, Reason, Resolution and Parameters, as documented",
        DynamicProperties = "dynamic-properties": "DynamicProperties in place of Parameters, as the identity service has it",
        Nulls = "nulls": "the documented members, all null",
        Text = "text": "a sentence as plain text",
        Empty = "empty": "nothing",
    }
}
