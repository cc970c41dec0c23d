//! What a large archive costs the real program in memory.

#![cfg(target_os = "linux")]

use std::fs;

use idv_gateway::proto::download_artifact_response::Part;
use idv_gateway::proto::identification_service_client::IdentificationServiceClient;
use idv_gateway::proto::{DownloadArtifactRequest, ListArtifactsRequest};
use idv_gateway::rpc::purpose::METADATA;
use tonic::Request;
use tonic::transport::Channel;

use super::house::House;
use crate::file_vendor::FileVendor;
use crate::zip::{archive, stored};

const MIB: usize = 1 << 20;
/// What lists and downloads may add to the memory of a gateway that has done nothing yet.
const ALLOWED: u64 = 16 << 20;

/// A field of the process's status, in bytes.
fn memory(process: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    let kibibytes = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    kibibytes.parse::<u64>().unwrap() * 1024
}

/// The size of the list, and the bytes of one file in all.
async fn fetch(channel: Channel, name: &str, artifact: &str) -> (usize, usize) {
    let mut client = IdentificationServiceClient::new(channel);
    let list = ListArtifactsRequest { parent: name.to_owned(), ..ListArtifactsRequest::default() };
    let listed = client.list_artifacts(list).await.unwrap().into_inner().artifacts.len();
    let download = DownloadArtifactRequest { name: format!("{name}/artifacts/{artifact}"), read_offset: 0 };
    let mut download = Request::new(download);
    download.metadata_mut().insert(METADATA, "support".parse().unwrap());
    let mut stream = client.download_artifact(download).await.unwrap().into_inner();
    let mut bytes = 0;
    while let Some(message) = stream.message().await.unwrap() {
        if let Some(Part::Chunk(chunk)) = message.part {
            bytes += chunk.len();
        }
    }
    (listed, bytes)
}

#[test]
fn the_measure_would_see_it() {
    let before = memory(std::process::id(), "VmRSS");
    let held = vec![7_u8; 20 * MIB];
    let now = memory(std::process::id(), "VmHWM");
    assert!(held.iter().all(|byte| *byte == 7) && now >= before + ALLOWED, "{before} {now}");
}

#[tokio::test]
async fn a_large_archive_does_not_pass_through_memory() {
    let (house, vendor) = (House::build().await, FileVendor::open().await);
    let sandbox = house.sandbox_url();
    house.reconfigure(&[
        (&sandbox, &format!("http://{}", vendor.address)),
        ("auth = \"none\"", "auth = \"none\"\npurposes = [\"support\"]"),
    ]);
    let gateway = house.serve().await;
    let base = memory(gateway.child.id(), "VmRSS");

    let name = house.create(gateway.doors.channel().await).await;
    let large = archive(&[
        stored("tx_userface.jpg", b"face"),
        stored("tx_securityfeaturevideo.mp4", &vec![7; 45 * MIB]),
    ]);
    let length = large.len();
    vendor.archive(large);
    for _time in 0..3 {
        for (artifact, size) in [("security-feature-video", 45 * MIB), ("archive", length)] {
            assert_eq!(fetch(gateway.doors.channel().await, &name, artifact).await, (5, size));
        }
    }
    let peak = memory(gateway.child.id(), "VmHWM");
    assert!(peak < base + ALLOWED, "{} KiB above {} KiB", (peak - base) / 1024, base / 1024);
}
