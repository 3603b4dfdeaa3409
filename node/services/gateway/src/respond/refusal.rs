use super::{plain, set};
use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, header};
use leither_kit::node::NodeError;
use leither_kit::source::SourceError;
use leither_kit::walk::WalkError;

/// How long one should wait before asking again, in seconds.
const RETRY: &str = "10";

/// Why a request is not answered as it was meant: a status, and a sentence.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: String,
    /// A block is missing: with `only-if-cached` that is what was asked about.
    missing: bool,
    /// The path leads nowhere in content that is here: a site may have something to say about that.
    pub(super) nowhere: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), missing: false, nowhere: false }
    }

    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// As text, so that nothing a stranger wrote is read as a page.
    pub(super) fn response(self, local: bool) -> Response {
        let status = if self.missing && local { StatusCode::PRECONDITION_FAILED } else { self.status };
        let text = format!("{}\n", self.text);
        let len = text.len();
        let mut response = plain(status, Body::from(text));
        set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
        set(&mut response, header::CONTENT_LENGTH, &len.to_string());
        set(&mut response, header::CACHE_CONTROL, "no-store");
        let passes = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        if passes.contains(&status) {
            set(&mut response, header::RETRY_AFTER, RETRY);
        }
        response
    }
}

/// GW-14: content that is refused is not this machine's fault, nor the asker's.
impl From<WalkError> for Refusal {
    fn from(error: WalkError) -> Self {
        let status = match &error {
            WalkError::Source(SourceError::NotFound(_)) | WalkError::Absent { .. } | WalkError::NotADirectory { .. } => {
                StatusCode::NOT_FOUND
            }
            WalkError::Source(SourceError::Timeout(_)) => StatusCode::GATEWAY_TIMEOUT,
            WalkError::Source(SourceError::Busy(_)) => StatusCode::SERVICE_UNAVAILABLE,
            // GW-15
            WalkError::Source(SourceError::TooMany(_)) => StatusCode::TOO_MANY_REQUESTS,
            WalkError::Source(SourceError::Other(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            WalkError::Id { .. } | WalkError::Cursor => StatusCode::BAD_REQUEST,
            WalkError::Node { error: NodeError::Codec(_), .. } => StatusCode::NOT_ACCEPTABLE,
            WalkError::Node { .. } | WalkError::NotA { .. } | WalkError::TooMuch(_) | WalkError::Size(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        };
        Self {
            status,
            text: error.to_string(),
            missing: matches!(error, WalkError::Source(SourceError::NotFound(_))),
            nowhere: matches!(error, WalkError::Absent { .. } | WalkError::NotADirectory { .. }),
        }
    }
}
