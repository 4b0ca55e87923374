//! Compiles the protocol files with a compiler written in Rust, so that protoc need not be installed.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::{Label, Type};

const FILES: [&str; 10] = [
    "catalog", "seating", "waitlist", "orders", "admin", "members", "coupons", "jobs", "payments", "cluster",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files: Vec<PathBuf> =
        FILES.iter().map(|name| root.join(format!("earlybird/v1/{name}.proto"))).collect();
    println!("cargo:rerun-if-changed={}", root.join("earlybird").display());

    let mut descriptors = protox::compile(&files, [&root])?;
    std::fs::write(out.join("earlybird.bin"), prost_bytes(&descriptors))?;
    take_as_bytes(&mut descriptors, "SeatMapDelta", "changes")?;
    let peers = protox::compile([root.join("earlybird/cluster/v1/peer.proto")], [&root])?;
    tonic_prost_build::compile_fds(peers)?;
    compile_servers(&out.join("servers"), descriptors.clone())?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".earlybird.v1.SeatMap.states")
        .bytes(".earlybird.v1.SeatMapDelta.changes")
        .bytes(".earlybird.v1.ImportVenueRequest.seating_plan")
        .skip_debug(["earlybird.v1.RefundAccount"])
        .compile_fds(descriptors)?;
    Ok(())
}

/// Compiles what servers implement. `Seating.Session` is left out: whoever serves it says by which codec (`src/session.rs`).
fn compile_servers(out: &Path, mut descriptors: FileDescriptorSet) -> Result<(), Box<dyn Error>> {
    let mut services = descriptors.file.iter_mut().flat_map(|file| &mut file.service);
    let seating = services.find(|service| service.name() == "Seating").ok_or("there is no Seating")?;
    let session = seating.method.iter().position(|method| method.name() == "Session");
    seating.method.remove(session.ok_or("there is no Seating.Session")?);
    std::fs::create_dir_all(out)?;
    tonic_prost_build::configure()
        .build_client(false)
        .extern_path(".earlybird.v1", "crate::v1")
        .out_dir(out)
        .compile_fds(descriptors)?;
    Ok(())
}

/// Makes a packed field of numbers one of bytes, in the generated code alone: on the wire both are the same, and so the
/// server encodes a delta once for all who watch. What clients are told of the API is as written.
fn take_as_bytes(
    descriptors: &mut FileDescriptorSet,
    message: &str,
    field: &str,
) -> Result<(), Box<dyn Error>> {
    let mut messages = descriptors.file.iter_mut().flat_map(|file| &mut file.message_type);
    let found = messages.find(|found| found.name() == message);
    let found = found.and_then(|found| found.field.iter_mut().find(|found| found.name() == field));
    let found = found.ok_or_else(|| format!("there is no {message}.{field}"))?;
    found.set_type(Type::Bytes);
    found.set_label(Label::Optional);
    Ok(())
}

fn prost_bytes(descriptors: &impl prost::Message) -> Vec<u8> {
    descriptors.encode_to_vec()
}
