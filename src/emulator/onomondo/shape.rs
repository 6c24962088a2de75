//! The documented connector types: their options, which of those are secret, and what each may hold.

use serde_json::Value;

/// A documented type.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) options: &'static [OptionShape],
    pub(super) secrets: &'static [Secret],
}

/// An option that reads back.
pub(super) struct OptionShape {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
    pub(super) required: bool,
}

/// An option that never reads back.
pub(super) struct Secret {
    pub(super) name: &'static str,
    pub(super) required: Required,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Required {
    Yes,
    /// The documents disagree; a switch decides.
    Disputed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    /// A host name or an address.
    Host,
    /// An https URL.
    Url,
    /// 1 to 65535.
    Port,
    Flag,
    /// `tcp` or `udp`.
    Transport,
}

static TLS: Shape = Shape {
    name: "tls",
    options: &[
        OptionShape { name: "host", holds: Holds::Host, required: true },
        OptionShape { name: "port", holds: Holds::Port, required: true },
        OptionShape { name: "server_name", holds: Holds::Text, required: true },
    ],
    secrets: &[
        Secret { name: "ca", required: Required::Disputed },
        Secret { name: "key", required: Required::Disputed },
        Secret { name: "cert", required: Required::Disputed },
    ],
};

static HTTPS: Shape = Shape {
    name: "https",
    options: &[
        OptionShape { name: "host", holds: Holds::Url, required: true },
        OptionShape { name: "shouldReturnBody", holds: Holds::Flag, required: false },
    ],
    secrets: &[],
};

static AWS_IOT_CORE: Shape = Shape {
    name: "aws_iot_core",
    options: &[
        OptionShape { name: "region", holds: Holds::Text, required: true },
        OptionShape { name: "role", holds: Holds::Text, required: true },
        OptionShape { name: "publishTopic", holds: Holds::Text, required: true },
        OptionShape { name: "subscribeTopic", holds: Holds::Text, required: true },
        OptionShape { name: "defaultProtocol", holds: Holds::Transport, required: true },
        OptionShape { name: "defaultPort", holds: Holds::Port, required: true },
    ],
    secrets: &[],
};

static MICROSOFT_AZURE_IOT: Shape = Shape {
    name: "microsoft_azure_iot",
    options: &[],
    secrets: &[Secret { name: "connectionString", required: Required::Yes }],
};

static SHAPES: [&Shape; 4] = [&TLS, &HTTPS, &AWS_IOT_CORE, &MICROSOFT_AZURE_IOT];

/// The documented type of this name.
pub(super) fn of_type(name: &str) -> Option<&'static Shape> {
    SHAPES.into_iter().find(|shape| shape.name == name)
}

/// Whether any documented type keeps this option secret.
pub(super) fn is_secret(option: &str) -> bool {
    SHAPES.iter().any(|shape| shape.secret(option).is_some())
}

impl Shape {
    pub(super) fn option(&self, name: &str) -> Option<&'static OptionShape> {
        self.options.iter().find(|option| option.name == name)
    }

    pub(super) fn secret(&self, name: &str) -> Option<&'static Secret> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}

impl Holds {
    pub(super) fn admits(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Host => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Url => value.as_str().is_some_and(|text| {
                url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host())
            }),
            Self::Port => value.as_u64().is_some_and(|port| (1..=65535).contains(&port)),
            Self::Flag => value.is_boolean(),
            Self::Transport => matches!(value.as_str(), Some("tcp" | "udp")),
        }
    }
}
