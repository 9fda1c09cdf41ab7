//! Spans to an OpenTelemetry collector, by OTLP over HTTP. Off unless it is asked for.

use std::{fmt, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use opentelemetry::{
    Context, KeyValue,
    trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        TracerProvider as _,
    },
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::fault::Fault;

/// A collector that has not answered by then is not waited for; what it was told is lost.
const WITHIN: Duration = Duration::from_secs(10);

const ANSWER_LENGTH_MAX: u64 = 64 << 10;

/// Exports what it is given until it is shut down.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Exports to the collector at this address.
    ///
    /// # Errors
    /// If it is no address that is spoken to.
    pub(crate) fn to(collector: &str) -> anyhow::Result<Self> {
        let uri = collector.parse::<http::Uri>().ok();
        let is_plain = uri.is_some_and(|uri| {
            uri.scheme_str() == Some("http") && uri.host().is_some() && uri.query().is_none()
        });
        if !is_plain {
            let fault = Fault::new(format!("--otlp `{collector}` is no address of a collector"))
                .mend("write http://127.0.0.1:4318; TLS to elsewhere is for a collector beside the daemon to speak");
            return Err(fault.into());
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Blocking::default())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
            .with_timeout(WITHIN)
            .build()
            .context("traces cannot be exported")?;
        let resource = Resource::builder()
            .with_service_name("bailiwickd")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        Ok(Self(provider))
    }

    pub(crate) fn tracer(&self) -> Tracer {
        self.0.tracer("bailiwick")
    }

    /// Exports what is left.
    pub(crate) fn finish(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// Makes a span a part of the trace that a W3C `traceparent` of the right form names.
pub(crate) fn continues(span: &tracing::Span, parent: &str) {
    let mut parts = parent.split('-').skip(1);
    let mut next = || parts.next().unwrap_or_default();
    let (trace, span_id, flags) = (
        TraceId::from_hex(next()),
        SpanId::from_hex(next()),
        u8::from_str_radix(next(), 16),
    );
    let (Ok(trace), Ok(span_id), Ok(flags)) = (trace, span_id, flags) else {
        return;
    };
    let parent = SpanContext::new(
        trace,
        span_id,
        TraceFlags::new(flags),
        true,
        TraceState::default(),
    );
    // Where nothing is collected there is nothing to go on with.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

/// A client that blocks: the exporter has a thread of its own.
struct Blocking(ureq::Agent);

impl Default for Blocking {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(WITHIN));
        Self(config.build().into())
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blocking")
    }
}

#[async_trait::async_trait]
impl HttpClient for Blocking {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let request = http::Request::from_parts(parts, body.to_vec());
        let (parts, mut body) = self.0.run(request)?.into_parts();
        let body = body.with_config().limit(ANSWER_LENGTH_MAX).read_to_vec()?;
        Ok(http::Response::from_parts(parts, Bytes::from(body)))
    }
}
