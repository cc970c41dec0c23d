//! A download that is still being read when the real program is told to end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http::Uri;
use hyper_util::rt::TokioIo;
use idv_gateway::proto::DownloadArtifactRequest;
use idv_gateway::proto::download_artifact_response::Part;
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::rpc::purpose::METADATA;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Interval, interval};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::house::{Doors, House};
use crate::file_vendor::{FileVendor, Reply};

/// What is read of a connection at once, and what the machine keeps of it meanwhile.
const LITTLE: usize = 4096;

/// A connection of which little is read at a time, so that the other side is done with it long before.
struct Slow {
    inner: TcpStream,
    pace: Interval,
}

impl Slow {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program under test keeps real time, and so does its slow reader"
    )]
    async fn connect(doors: Doors) -> io::Result<TokioIo<Self>> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(LITTLE as u32)?;
        let inner = socket.connect(doors.grpc).await?;
        Ok(TokioIo::new(Self { inner, pace: interval(Duration::from_millis(1)) }))
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.pace.poll_tick(context));
        let mut bytes = [0; LITTLE];
        let mut few = ReadBuf::new(&mut bytes[..buffer.remaining().min(LITTLE)]);
        ready!(Pin::new(&mut self.inner).poll_read(context, &mut few))?;
        buffer.put_slice(few.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// A channel that tells the other side often that there is room for more.
async fn slow_channel(doors: Doors) -> Channel {
    let endpoint = Endpoint::from_shared(doors.grpc_url()).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    endpoint.connect_with_connector(service_fn(move |_uri: Uri| Slow::connect(doors))).await.unwrap()
}

#[tokio::test]
async fn a_slow_download_comes_whole_while_the_gateway_ends() {
    let (house, vendor) = (House::build().await, FileVendor::open().await);
    let sandbox = house.sandbox_url();
    house.reconfigure(&[
        (&sandbox, &format!("http://{}", vendor.address)),
        ("auth = \"none\"", "auth = \"none\"\npurposes = [\"support\"]"),
    ]);
    let report: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    vendor.says("pdf", Reply::File(Bytes::from(report.clone())));
    let gateway = house.serve().await;
    let name = house.create(gateway.doors.channel().await).await;

    let download =
        DownloadArtifactRequest { name: format!("{name}/artifacts/report-pdf"), ..Default::default() };
    let mut download = Request::new(download);
    download.metadata_mut().insert(METADATA, "support".parse().unwrap());
    let mut client = IdentificationServiceClient::new(slow_channel(gateway.doors).await);
    let mut stream = client.download_artifact(download).await.unwrap().into_inner();
    let header = stream.message().await.unwrap().unwrap();
    assert!(matches!(header.part, Some(Part::Header(_))));
    gateway.child.signal("TERM");
    let (mut bytes, mut trailer) = (Vec::new(), None);
    while let Some(message) = stream.message().await.unwrap() {
        match message.part.unwrap() {
            Part::Chunk(chunk) => bytes.extend(chunk),
            Part::Trailer(digest) => trailer = Some(digest),
            Part::Header(header) => panic!("another header: {header:?}"),
        }
    }
    assert!(bytes == report, "{} bytes came", bytes.len());
    assert_eq!(trailer.unwrap().size_bytes, 1_000_000);
    let ended = gateway.child.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}
