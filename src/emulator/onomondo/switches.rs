//! What no document of Onomondo answers, one switch a question. The first answer of each is the default: the one that the
//! documents' examples or public clients speak for, where they do.

use crate::emulator::switches::{Answers, Switch, choices};

/// How many requests an organisation has a minute.
pub(super) const REQUESTS_PER_MINUTE: Switch = Switch {
    name: "onomondo.requests-per-minute",
    question: "How many requests an organisation has a minute; 0: no limit.",
    answers: Answers::WholeNumber(1_000_000),
    default: "600",
};

/// Every switch of this vendor.
pub(super) fn all() -> Vec<Switch> {
    [&[REQUESTS_PER_MINUTE], CHOICES].concat()
}

choices! {
    /// How the key stands in the Authorization header.
    AuthorizationScheme = "onomondo.authorization-scheme" {
        Bare = "bare": "the key alone, as every public client sends it",
        Bearer = "bearer": "Bearer and the key, as the examples print it",
        Both = "both": "either",
    }
    /// Whether an answer to a spent rate limit carries Retry-After.
    RetryAfter = "onomondo.retry-after" {
        Absent = "absent": "it does not",
        Seconds = "seconds": "in seconds",
        Date = "date": "as an HTTP date",
    }
    /// Whether answers carry x-ratelimit-limit, -remaining and -reset.
    RateLimitHeaders = "onomondo.rate-limit-headers" {
        Present = "present": "every answer does",
        WhenSpent = "when-spent": "only a 429 does",
        Absent = "absent": "none does",
    }
    /// The status that refuses an invalid body.
    InvalidStatus = "onomondo.invalid-status" {
        BadRequest = "400": "400",
        Unprocessable = "422": "422",
    }
    /// What a refusal's body holds.
    ErrorBody = "onomondo.error-body" {
        Code = "code": "{\"error\": \"some_code\"}, one code a cause",
        Generic = "generic": "{\"error\": \"…\"} with one code a status",
        WithMessage = "with-message": "{\"error\": \"some_code\", \"message\": \"…\"}",
        Text = "text": "a sentence as plain text",
        Empty = "empty": "nothing",
    }
    /// What the 403 to the deletion of a connector with SIMs says.
    DeleteBlockedBody = "onomondo.delete-blocked-body" {
        Code = "code": "an error of its own, in the form that onomondo.error-body says",
        Forbidden = "forbidden": "the same as any other 403",
        Message = "message": "{\"message\": \"Connector still mapped to some SIMs\"}",
    }
    /// What happens to a second connector of one name, by creation or by rename.
    DuplicateName = "onomondo.duplicate-name" {
        Conflict = "409": "409",
        BadRequest = "400": "400",
        Unprocessable = "422": "422",
        Allowed = "allowed": "there are two; PATCH and DELETE reach the older",
    }
    /// What the options of a PATCH do to those that it leaves out.
    OptionsPatch = "onomondo.options-patch" {
        Merge = "merge": "they stay",
        Replace = "replace": "they are gone, secrets too; required ones have to be there",
    }
    /// How one secret is cleared by a PATCH.
    ClearSecret = "onomondo.clear-secret" {
        Either = "either": "by null or by an empty string",
        Null = "null": "by null; an empty string is invalid",
        Empty = "empty": "by an empty string; null is invalid",
        Refused = "refused": "not at all; both are invalid",
        Ignored = "ignored": "not at all; both are accepted without effect",
    }
    /// Which last_updated_at a PATCH moves.
    SecretTimestamps = "onomondo.secret-timestamps" {
        Written = "written": "those of the secrets that it writes, as the PATCH example shows",
        All = "all": "all of them, whatever it writes",
    }
    /// Whether last_updated_at moves when a secret is written with the value that it has.
    SameSecret = "onomondo.same-secret" {
        Moves = "moves": "it does",
        Keeps = "keeps": "it does not",
    }
    /// Whether the three secrets of a TLS connector are required.
    TlsSecrets = "onomondo.tls-secrets" {
        Optional = "optional": "they are optional, as the help page says",
        Required = "required": "they are required, as the OpenAPI document says",
    }
    /// In which order passthrough reads back.
    PassthroughOrder = "onomondo.passthrough-order" {
        Kept = "kept": "as written",
        Sorted = "sorted": "sorted",
    }
    /// How an ip or a port that a rule leaves out reads back.
    PassthroughMember = "onomondo.passthrough-member" {
        Absent = "absent": "it is absent",
        Null = "null": "as null",
        AsWritten = "as-written": "absent or null, as written",
    }
    /// How an empty or absent passthrough reads back.
    EmptyPassthrough = "onomondo.empty-passthrough" {
        Empty = "empty": "as []",
        Null = "null": "as null",
        Absent = "absent": "it is absent",
    }
    /// How empty or absent tags read back.
    EmptyTags = "onomondo.empty-tags" {
        Empty = "empty": "as []",
        Null = "null": "as null",
        Absent = "absent": "they are absent",
    }
    /// How tags read in the answer to a POST or PATCH.
    WriteReplyTags = "onomondo.write-reply-tags" {
        Objects = "objects": "as objects, as in the list",
        Uuids = "uuids": "as UUIDs, as the schema of these answers says",
    }
    /// What happens to a tag that the organisation does not have.
    UnknownTag = "onomondo.unknown-tag" {
        Refused = "refused": "the request is invalid",
        Dropped = "dropped": "the tag is left out",
        Accepted = "accepted": "the tag is taken as it is, and reads back with its id for a name",
    }
    /// What happens to an option that the type does not have.
    UnknownOption = "onomondo.unknown-option" {
        Kept = "kept": "it is kept and reads back",
        Ignored = "ignored": "it is left out",
        Refused = "refused": "the request is invalid",
    }
    /// How hosts read back.
    HostNormalisation = "onomondo.host-normalisation" {
        None = "none": "as written",
        LowerCase = "lower-case": "in lower case",
        TrailingSlash = "trailing-slash": "an https host without a path gets a slash at its end",
    }
    /// How shouldReturnBody reads back when it was never written.
    ReturnBodyDefault = "onomondo.return-body-default" {
        Shown = "shown": "as false, the schema's default",
        Absent = "absent": "it is absent",
    }
    /// Where id, uuid and organization_id appear.
    Identifiers = "onomondo.identifiers" {
        PatchReply = "patch-reply": "in the answer to a PATCH, as its example shows",
        Everywhere = "everywhere": "in every answer, the list too",
        Nowhere = "nowhere": "in none",
    }
    /// How meta reads for a type that has no secret.
    EmptyMeta = "onomondo.empty-meta" {
        Absent = "absent": "it is absent, as the schema says",
        Empty = "empty": "as {}",
    }
    /// In which order connectors are listed.
    ListOrder = "onomondo.list-order" {
        Created = "created": "oldest first",
        Name = "name": "by name",
        Shuffled = "shuffled": "in another order each time",
    }
    /// What a key that is narrowed by tags sees of connectors without one of them.
    NarrowedKeyRead = "onomondo.narrowed-key-read" {
        Hidden = "hidden": "nothing",
        Shown = "shown": "everything; it only cannot write them",
    }
    /// What a narrowed key gets when it writes a connector without one of its tags.
    NarrowedKeyWrite = "onomondo.narrowed-key-write" {
        NotFound = "404": "404",
        Forbidden = "403": "403",
    }
    /// What happens when a narrowed key creates a connector without one of its tags.
    NarrowedKeyCreate = "onomondo.narrowed-key-create" {
        Allowed = "allowed": "it is created, and the key does not see it",
        Refused = "refused": "403",
        Tagged = "tagged": "it is created with the key's tags added",
    }
    /// What a rename does to the SIMs that refer to the connector by its name.
    RenameWithSims = "onomondo.rename-with-sims" {
        Follow = "follow": "they refer to the new name",
        Stay = "stay": "they still refer to the old name, and no longer block a deletion",
        Refused = "refused": "it is refused with 403 while there are any",
    }
}
