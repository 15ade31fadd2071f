//! Answers on a socket until told to stop.

use crate::state::AppState;
use axum::serve::ListenerExt as _;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long requests that are under way may go on when the host stops.
const STOPPING: Duration = Duration::from_secs(5);

/// Serves until `stop` is done. Then no connection is taken any more, live streams end, and requests under way have a few
/// seconds.
///
/// # Errors
/// The socket fails.
pub async fn serve(listener: TcpListener, state: AppState, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let live = state.live.clone();
    // Small answers go out at once.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let (stopping, mut stopped) = watch::channel(());
    let serving = axum::serve(listener, crate::router(state)).with_graceful_shutdown(async move {
        stop.await;
        live.close();
        drop(stopping);
    });
    tokio::select! {
        served = serving.into_future() => served,
        () = async {
            // An error says that the sender is gone: it is time.
            drop(stopped.changed().await);
            tokio::time::sleep(STOPPING).await;
        } => {
            tracing::warn!("requests still under way were cut off");
            Ok(())
        }
    }
}
