//! The emulator on a socket.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;
use tower::Service;

use super::Emulator;
use super::connections::{Connection, Listener};

impl Emulator {
    /// Serves on `tcp` until `stop` resolves; then every connection is cut.
    pub async fn serve(&self, tcp: TcpListener, stop: impl Future<Output = ()>) {
        let listener = Listener { tcp, connections: Arc::clone(&self.exchange.context.connections) };
        let serving = axum::serve(listener, PerConnection(self.clone()));
        tokio::select! {
            _ = serving => {}
            () = stop => {}
        }
        self.exchange.context.connections.cut_all();
    }
}

/// Makes the service of each connection.
struct PerConnection(Emulator);

impl Service<IncomingStream<'_, Listener>> for PerConnection {
    type Response = OnConnection;
    type Error = Infallible;
    type Future = Ready<Result<OnConnection, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, Listener>) -> Self::Future {
        ready(Ok(OnConnection { emulator: self.0.clone(), connection: stream.remote_addr().clone() }))
    }
}

#[derive(Clone)]
struct OnConnection {
    emulator: Emulator,
    connection: Connection,
}

impl Service<Request> for OnConnection {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { emulator, connection } = self.clone();
        Box::pin(async move {
            if let Ok(response) = emulator.answer(connection.id, request).await {
                return Ok(response);
            }
            connection.cut();
            // This future is dropped together with the connection.
            std::future::pending().await
        })
    }
}
