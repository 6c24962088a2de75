//! What no document of Apono answers, one switch a question. The first answer of each is the default: the one that the
//! published specification or public clients speak for, where they do.

use crate::emulator::switches::{Answers, Switch, choices};

/// How many requests an organisation has a minute.
pub(super) const REQUESTS_PER_MINUTE: Switch = Switch {
    name: "apono.requests-per-minute",
    question: "How many requests an organisation has a minute; 0: no limit.",
    answers: Answers::WholeNumber(1_000_000),
    default: "0",
};

/// The most items on a page.
pub(super) const LARGEST_PAGE: Switch = Switch {
    name: "apono.largest-page",
    question: "The most items that a page holds, whatever limit asks for; 0: as many as it asks for.",
    answers: Answers::WholeNumber(1_000_000),
    default: "1000",
};

/// How often an agent says that it is there.
pub(super) const HEARTBEAT_SECONDS: Switch = Switch {
    name: "apono.heartbeat-seconds",
    question: "After how many seconds a connected agent sends a heartbeat by itself; 0: only when told.",
    answers: Answers::WholeNumber(86_400),
    default: "0",
};

/// Every switch of this vendor.
pub(super) fn all() -> Vec<Switch> {
    [&[REQUESTS_PER_MINUTE, LARGEST_PAGE, HEARTBEAT_SECONDS], CHOICES].concat()
}

choices! {
    /// Whether version 3 of the connectors' API is to be had.
    VersionThree = "apono.v3" {
        Served = "served": "it is",
        NotFound = "404": "each of its paths answers 404",
        Forbidden = "403": "each of its paths answers 403",
    }
    /// Whether version 2 of the connectors' API is to be had.
    VersionTwo = "apono.v2" {
        Served = "served": "it is",
        NotFound = "404": "it answers 404",
    }
    /// Whether a connector reads with its sessions.
    SessionsShown = "apono.sessions" {
        Present = "present": "it does, as the published specification says",
        Absent = "absent": "it does not, as the older page says",
    }
    /// How a member of cloud_provider_metadata reads that has no value.
    MetadataMember = "apono.metadata-member" {
        Absent = "absent": "it is absent",
        Null = "null": "as null",
    }
    /// How last_connected reads before the first connection.
    NeverConnected = "apono.never-connected" {
        Null = "null": "as null",
        Absent = "absent": "it is absent",
    }
    /// How last_connected reads in version 2.
    LastConnectedForm = "apono.v2-last-connected" {
        Number = "number": "as a number, as its schema says",
        Text = "string": "as a string of seconds.nanos, as its example shows",
    }
    /// Which words status has.
    StatusWords = "apono.status-words" {
        Upper = "upper": "CONNECTED and DISCONNECTED",
        Lower = "lower": "connected and disconnected",
        Further = "further": "a third one too: PENDING before the first connection",
    }
    /// Which characters the name in a PUT may have.
    NameCharacters = "apono.name-characters" {
        Any = "any": "any",
        Hyphens = "hyphens": "letters, digits, - and _",
        Alphanumeric = "alphanumeric": "letters and digits, as its description says",
    }
    /// What happens to a PUT of a name that another connector has.
    DuplicateName = "apono.duplicate-name" {
        Conflict = "409": "409",
        BadRequest = "400": "400",
        Unprocessable = "422": "422",
        Allowed = "allowed": "there are two of that name",
    }
    /// What happens to a PUT of an id that no connector has.
    UnknownPut = "apono.unknown-put" {
        NotFound = "404": "404",
        Creates = "creates": "there is a connector then, although no agent ever connected",
    }
    /// What happens to the deletion of a connector that an integration uses.
    DeleteUsed = "apono.delete-used" {
        Deletes = "deletes": "it is deleted",
        Conflict = "409": "409",
        BadRequest = "400": "400",
    }
    /// The status that refuses an invalid request.
    InvalidStatus = "apono.invalid-status" {
        BadRequest = "400": "400",
        Unprocessable = "422": "422",
    }
    /// What a refusal's body holds, other than that of a 401, which is known, and of a 404.
    ErrorBody = "apono.error-body" {
        Code = "code": "{\"status\": \"400\", \"code\": \"BadRequest\"}, in the form of the known 401",
        WithMessage = "with-message": "{\"status\", \"code\", \"message\": \"…\"}",
        Text = "text": "a sentence as plain text",
        Empty = "empty": "nothing",
    }
    /// What the body of a 404 holds.
    NotFoundBody = "apono.not-found-body" {
        Empty = "empty": "nothing",
        Code = "code": "{\"status\": \"404\", \"code\": \"NotFound\"}",
    }
    /// What a method gets that a path does not have, such as POST.
    UnknownMethod = "apono.unknown-method" {
        NotAllowed = "405": "405",
        NotFound = "404": "404",
    }
    /// What happens to a limit beyond the largest page.
    LargeLimit = "apono.large-limit" {
        Clamped = "clamped": "the page holds as many as it can",
        Refused = "refused": "the request is invalid",
    }
    /// How next_page_token reads on the last page.
    LastPageToken = "apono.last-page-token" {
        Null = "null": "as null",
        Absent = "absent": "it is absent",
        Empty = "empty": "as an empty string",
    }
    /// Where the page of a page_token begins.
    PageToken = "apono.page-token" {
        After = "after": "behind the last item of the page before",
        Offset = "offset": "after as many items as were listed: a deletion meanwhile hides one",
    }
    /// In which order connectors are listed.
    ListOrder = "apono.list-order" {
        Created = "created": "as they registered",
        Id = "id": "by id",
        Name = "name": "by name",
        Shuffled = "shuffled": "in another order each time, which holds for the pages of one listing",
    }
    /// Whether answers carry x-ratelimit-limit, -remaining and -reset, where there is a limit.
    RateLimitHeaders = "apono.rate-limit-headers" {
        Absent = "absent": "none does",
        Present = "present": "every answer does",
        WhenSpent = "when-spent": "only a 429 does",
    }
    /// Whether an answer to a spent rate limit carries Retry-After.
    RetryAfter = "apono.retry-after" {
        Absent = "absent": "it does not",
        Seconds = "seconds": "in seconds",
        Date = "date": "as an HTTP date",
    }
    /// When an agent that still runs registers its connector again after a deletion.
    RegistersAgain = "apono.registers-again" {
        Heartbeat = "heartbeat": "at its next heartbeat",
        Restart = "restart": "when it connects anew",
        Never = "never": "not before it is installed anew",
    }
    /// Which name a connector has that registers again.
    NameAgain = "apono.name-again" {
        First = "first": "the one that it registered with at first",
        Kept = "kept": "the one that it had when it was deleted",
    }
    /// What becomes of a connector when its last agent is uninstalled.
    Uninstall = "apono.uninstall" {
        Stays = "stays": "it stays, disconnected",
        Gone = "gone": "it is gone",
    }
}
